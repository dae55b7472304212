import type { Anomaly, SentEvent } from '#testing';
import type { Version } from './records.ts';

/** What one world was sent, over all its runs: what it shows is compared with all of it. */
export class Chronicle {
  readonly sent: Version[] = [];
  readonly events: SentEvent[] = [];
  readonly #told = new Set<string>();
  #runs = 0;

  /** Ids of a run's records begin with this: no two runs of a world change the same record. */
  nextTag(): string {
    return `r${++this.#runs}`;
  }

  /** Those that no earlier run of this world has told. */
  fresh(anomalies: readonly Anomaly[]): Anomaly[] {
    const word = (each: Anomaly): string => `${each.class} ${each.where} ${each.evidence}`;
    const fresh = anomalies.filter((each) => !this.#told.has(word(each)));
    for (const each of fresh) this.#told.add(word(each));
    return fresh;
  }
}
