import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { join } from 'node:path';
import type { Secret } from '#contracts';
import { ControlController } from './control.controller.ts';
import { ErpBook } from './erp/book.ts';
import { ErpController } from './erp/erp.controller.ts';
import { FaultPlan } from './faults.ts';
import { FinanceController } from './finance/finance.controller.ts';
import { Journal } from './finance/journal.ts';
import { Gate, SANDBOX_TOKEN } from './gate.ts';
import { Ledger } from './ledger.ts';

export interface SandboxOptions {
  /** folder of the ledger file */
  data: string;
  /** the pretend systems ask for it as a bearer token */
  token?: Secret;
  /** further rooms in the same process: the sandbox CRM */
  imports?: ModuleMetadata['imports'];
  /** their controllers that answer behind the gate */
  controllers?: ModuleMetadata['controllers'];
}

/** The pretend ERP and finance system around one ledger. */
@Module({})
export class SandboxModule {
  static of(options: SandboxOptions): DynamicModule {
    return {
      module: SandboxModule,
      imports: options.imports ?? [],
      controllers: [ErpController, FinanceController, ControlController, ...(options.controllers ?? [])],
      providers: [
        Gate,
        FaultPlan,
        ErpBook,
        {
          provide: Journal,
          inject: [FaultPlan],
          useFactory: (faults: FaultPlan) => new Journal((date) => faults.isClosed(date)),
        },
        { provide: SANDBOX_TOKEN, useValue: options.token ?? null },
        {
          provide: Ledger,
          inject: [ErpBook, Journal],
          useFactory: (erp: ErpBook, journal: Journal) =>
            Ledger.open(join(options.data, 'sandbox-ledger.ndjson'), (effect) => {
              erp.restore(effect);
              journal.restore(effect);
            }),
        },
      ],
    };
  }
}
