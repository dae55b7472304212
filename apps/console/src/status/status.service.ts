import { Injectable } from '@nestjs/common';
import type { Queryable } from '#db';
import { ConsoleDatabase } from '../console-database.ts';
import { Mappings } from '../mappings/mappings.ts';
import { Names } from '../names.ts';
import { assembleStatus, type Status, type StatusFacts } from './assemble.ts';
import { captureCounts } from './capture-counts.ts';
import { connectionStates, flowStates } from './connection-states.ts';
import { deliveryCounts, takenIn } from './delivery-counts.ts';
import { eventFates, FIRST_MARK, type Mark } from './event-fates.ts';
import { paced } from './paced.ts';
import { recentLag } from './recent-lag.ts';
import { unfinished } from './unfinished.ts';
import { unpublished } from './unpublished.ts';
import { waitingCaptures } from './waiting-captures.ts';

/** Where everything stands at one moment. Asked by people and by each scrape. */
@Injectable()
export class StatusService {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #mappings: Mappings;
  #mark: Mark = FIRST_MARK;
  /** a question that costs 300 ms or more is answered anew when nine times that has passed, at the latest after 2 s */
  readonly #facts = paced(() => this.#read(), { share: 0.1, least: 300, most: 2_000 });

  constructor(database: ConsoleDatabase, names: Names, mappings: Mappings) {
    this.#database = database;
    this.#names = names;
    this.#mappings = mappings;
  }

  /** Everything below is accounted for, as of the last look. */
  get mark(): Mark {
    return this.#mark;
  }

  facts(): Promise<StatusFacts> {
    return this.#facts();
  }

  async status(): Promise<Status> {
    return assembleStatus(this.#names.configuration, await this.#facts());
  }

  async #read(): Promise<StatusFacts> {
    const { flows } = this.#names.configuration;
    return this.#database.snapshot(async (db: Queryable) => {
      const { fates, mark } = await eventFates(db, flows.values(), this.#mark);
      this.#mark = mark;
      return {
        fates,
        takenIn: await takenIn(db),
        deliveries: await deliveryCounts(db),
        waiting: await waitingCaptures(db, flows.values()),
        unfinished: await unfinished(db),
        lag: await recentLag(db),
        connections: await connectionStates(db),
        flows: await flowStates(db),
        capture: await captureCounts(db),
        unpublished: await unpublished(db),
        documents: this.#mappings.documents,
      };
    });
  }
}
