import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Metrics } from '#platform';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { paced } from '../status/paced.ts';
import { StatusService } from '../status/status.service.ts';
import { conservation } from './conservation.ts';
import { setGauges } from './gauges.ts';
import { clock, overdue } from './overdue.ts';

/** Scrapes within a second get the same answer. */
const EVERY_MS = 1_000;
/** A scrape does not wait longer for the equations: they go on, and the next one shows them. */
const PATIENCE_MS = 500;

/**
 * What can only be known from the tables, read when somebody scrapes: its cost is bounded by pacing, and nothing runs
 * where nobody looks. Overdue events are counted here too: one console counts each once, so with several consoles take
 * the largest, not the sum. What passed its freshness while no console ran is not counted; the oldest unfinished shows it.
 */
@Injectable()
export class Collector implements OnModuleInit {
  readonly #metrics: Metrics;
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #status: StatusService;
  #countedTo = new Date(0);

  constructor(metrics: Metrics, database: ConsoleDatabase, names: Names, status: StatusService) {
    this.#metrics = metrics;
    this.#database = database;
    this.#names = names;
    this.#status = status;
  }

  async onModuleInit(): Promise<void> {
    this.#countedTo = await clock(this.#database.database);
    // also of flows that are never late: what an alert rule reads to see that a console runs is there from the start
    for (const name of this.#names.configuration.flows.keys()) this.#metrics.count('syncOverdue', { flow: name }, 0);
    this.#metrics.onScrape(paced(() => this.#gauges(), { share: 0.1, least: 100, every: EVERY_MS }));
    this.#metrics.onScrape(paced(() => this.#overdue(), { share: 0.1, least: 100, every: EVERY_MS }));
    void this.#status.facts().catch(() => {}); // the first look of a process is the long one: not while somebody waits
    const conserve = paced(() => this.#conservation(), { share: 0.05, least: 100, every: EVERY_MS });
    this.#metrics.onScrape(() => atMost(conserve(), PATIENCE_MS));
  }

  async #gauges(): Promise<void> {
    setGauges(this.#metrics, this.#names.configuration, await this.#status.facts());
  }

  async #overdue(): Promise<void> {
    const flows = [...this.#names.configuration.flows.values()];
    await this.#status.facts(); // so that its mark is not the first
    const counted = await this.#database.snapshot(async (db) => {
      const window = { from: this.#countedTo, to: await clock(db) };
      return { to: window.to, crossed: await overdue(db, flows, window, this.#status.mark) };
    });
    this.#countedTo = counted.to; // only now: a look that failed is looked again
    for (const [flow, n] of counted.crossed) this.#metrics.count('syncOverdue', { flow }, n);
  }

  async #conservation(): Promise<void> {
    const differences = await this.#database.snapshot(conservation);
    for (const [equation, difference] of Object.entries(differences))
      this.#metrics.set('conservation', { equation }, difference);
  }
}

async function atMost(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
