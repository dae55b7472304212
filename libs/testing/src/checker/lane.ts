import type { ExpectedDocument, History, Nature, ReportedDelivery, SentEvent, WitnessedEffect } from './history.ts';

/** All that concerns one document type of one record. */
export interface Lane {
  document: string;
  key: string;
  nature: Nature;
  /** by version */
  expected: ReadonlyMap<number, Expected>;
  /** in the order in which they took effect */
  effects: readonly WitnessedEffect[];
  reports: readonly ReportedDelivery[];
}

export interface Expected extends ExpectedDocument {
  version: number;
  answer: SentEvent['answer'];
}

export function lanesOf(history: History): Lane[] {
  const names = new Map<string, { document: string; key: string }>();
  const name = (document: string, key: string): string => {
    const id = JSON.stringify([document, key]);
    names.set(id, { document, key });
    return id;
  };
  const expected = Map.groupBy(
    history.events.flatMap(({ key, version, answer, documents }) =>
      documents.map((each) => ({ ...each, version, answer, lane: name(each.document, key) })),
    ),
    ({ lane }) => lane,
  );
  const effects = Map.groupBy(history.effects, ({ document, key }) => name(document, key));
  const reports = Map.groupBy(history.reports, ({ document, key }) => name(document, key));
  return [...names].map(([id, { document, key }]) => ({
    document,
    key,
    nature: history.natures[document] ?? 'state',
    expected: new Map((expected.get(id) ?? []).map((each) => [each.version, each])),
    effects: effects.get(id) ?? [],
    reports: reports.get(id) ?? [],
  }));
}

export const takesBack = ({ operation }: WitnessedEffect): boolean => operation === 'cancel' || operation === 'reverse';

/** What the target has after these effects, in their order. */
export function standingAfter(effects: readonly WitnessedEffect[]): WitnessedEffect | undefined {
  const last = effects.at(-1);
  return last === undefined || takesBack(last) ? undefined : last;
}

export const placeOf = (lane: Lane): string => `${lane.document} ${lane.key}`;

/** What really happened, short: `v1 create, v2 update`. */
export function witnessed(lane: Lane): string {
  if (lane.effects.length === 0) return 'the target has nothing';
  const done = lane.effects.map(({ version, operation, at }) => `v${version ?? '?'} ${operation} (${at})`);
  return `the target has ${done.join(', ')}`;
}
