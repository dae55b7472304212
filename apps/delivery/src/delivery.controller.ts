import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { LogBatch } from '#contracts';
import type { BatchOutcome, HandlerOutcome } from '#platform';
import { DeliveryService } from './delivery.service.ts';

/** Names the handlers of this room among those of an application. */
export const DELIVERY = Symbol('delivery');

/** What comes from the log, a batch at a time. When a handler resolves, PostgreSQL has it and the offsets are committed. */
@Controller()
export class DeliveryController {
  readonly #delivery: DeliveryService;

  constructor(@Inject(DeliveryService) delivery: DeliveryService) {
    this.#delivery = delivery;
  }

  /** Every topic of documents. What cannot be read is a dead letter. */
  @EventPattern('documents', DELIVERY, { batch: true })
  async documents(@Payload() batch: LogBatch): Promise<BatchOutcome> {
    return refusals(batch, await this.#delivery.takeIn(batch.records));
  }

  /** Events that no flow wants. */
  @EventPattern('unrouted', DELIVERY, { batch: true })
  async unrouted(@Payload() batch: LogBatch): Promise<BatchOutcome> {
    const refused = await this.#delivery.unrouted(batch.records);
    return refusals(
      batch,
      refused.map((at) => ({ at, reason: 'the record carries no event id' })),
    );
  }

  /** Dead letters of every topic. */
  @EventPattern('dead-letters', DELIVERY, { batch: true })
  async deadLetters(@Payload() batch: LogBatch): Promise<void> {
    await this.#delivery.deadLetters(batch.records);
  }
}

function refusals(batch: LogBatch, refused: readonly { at: number; reason: string }[]): BatchOutcome {
  if (refused.length === 0) return undefined;
  const outcomes: (HandlerOutcome | void)[] = batch.records.map(() => undefined);
  for (const { at, reason } of refused) outcomes[at] = { outcome: 'rejected', reason, stage: 'delivery' };
  return outcomes;
}
