import fc from 'fast-check';
import type {
  ExpectedDocument,
  History,
  ReportedCounts,
  ReportedDelivery,
  SentEvent,
  WitnessedEffect,
} from './history.ts';
import { FINISHED } from '#contracts';

/** What may happen to one version, drawn beforehand so that a history shrinks well. */
interface Draw {
  answer: SentEvent['answer'];
  /** state: not applied if a newer one will be · each: this one and what follows wait for a person */
  passedOver: boolean;
  /** the sender changed nothing that the target sees */
  sameAsBefore: boolean;
  /** what can be posted anew: the sender takes it back */
  withdrawn: boolean;
  /** in doubt once, and repeated with the same bytes */
  repeated: boolean;
}

const NATURES = {
  customer: 'state',
  salesOrder: 'state',
  journalEntry: 'reversal',
  receipt: 'once',
  payment: 'each',
} as const;
type Document = keyof typeof NATURES;

const draw: fc.Arbitrary<Draw> = fc.record({
  answer: fc.constantFrom('accepted', 'accepted', 'accepted', 'unknown', 'refused'),
  passedOver: fc.boolean(),
  sameAsBefore: fc.boolean(),
  withdrawn: fc.boolean(),
  repeated: fc.boolean(),
});

/** Histories as a product that keeps every promise leaves them. */
export const cleanHistories: fc.Arbitrary<History> = fc
  .array(
    fc.record({
      documents: fc.uniqueArray(fc.constantFrom(...(Object.keys(NATURES) as Document[])), { minLength: 1 }),
      versions: fc.array(draw, { minLength: 1, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((records) => {
    const events: SentEvent[] = [];
    const effects: WitnessedEffect[] = [];
    const reports: ReportedDelivery[] = [];
    for (const [at, { documents, versions }] of records.entries()) {
      const key = `acme:record:${at}`;
      const contents = contentsOf(versions);
      const expected = (version: number): ExpectedDocument[] =>
        documents.map((document) => ({
          flow: `${document}s`,
          document,
          content: NATURES[document] === 'reversal' && versions[version - 1]!.withdrawn ? null : contents[version - 1]!,
        }));
      events.push(...versions.map(({ answer }, n) => ({ key, version: n + 1, answer, documents: expected(n + 1) })));
      for (const document of documents) deliver(document, key, versions, contents, effects, reports);
    }
    return { events, effects, reports, counts: countsOf(reports), natures: NATURES };
  });

const contentsOf = (versions: readonly Draw[]): string[] => {
  const contents: string[] = [];
  for (const [n, { sameAsBefore }] of versions.entries())
    contents.push(sameAsBefore && n > 0 ? contents[n - 1]! : `content ${n + 1}`);
  return contents;
};

/** A lane of a perfect product. What was never answered did not arrive in it. */
function deliver(
  document: Document,
  key: string,
  versions: readonly Draw[],
  contents: readonly string[],
  effects: WitnessedEffect[],
  reports: ReportedDelivery[],
): void {
  const nature = NATURES[document];
  const taken = versions.map((each, n) => ({ ...each, version: n + 1 })).filter(({ answer }) => answer === 'accepted');
  let held: string | undefined;
  let stopped = false;
  for (const { version, passedOver, withdrawn, repeated } of taken) {
    const content = contents[version - 1]!;
    const last = taken.at(-1)!.version === version;
    const report = (status: ReportedDelivery['status'], attempts = 0): void => {
      reports.push({ flow: `${document}s`, document, key, version, status, attempts });
    };
    const takeBack = (): void => {
      if (held === undefined) return;
      effects.push({ document, operation: 'reverse', key, version, content: held, at: `#${effects.length + 1}` });
      held = undefined;
    };
    const apply = (operation: WitnessedEffect['operation'], times: number): void => {
      for (let time = 0; time < times; time++)
        effects.push({ document, operation, key, version, content, at: `#${effects.length + 1}` });
      held = content;
      report('DELIVERED', times);
    };
    if (stopped) report('PENDING');
    else if (nature === 'each' && passedOver) {
      report('PARKED', 1);
      stopped = true;
    } else if (nature === 'each') apply('create', 1);
    else if (nature === 'reversal' && withdrawn) {
      report(held === undefined ? 'IGNORED' : 'DELIVERED');
      takeBack();
    } else if (nature === 'state' && passedOver && !last) report('RESOLVED_SUPERSEDED');
    else if (held === content) report('SKIPPED_NOCHANGE');
    else if (nature === 'once' && held !== undefined) report('HELD_REVIEW');
    else if (nature === 'reversal') {
      takeBack();
      apply('create', 1);
    } else if (document === 'customer') apply('upsert', repeated ? 2 : 1);
    else apply(held === undefined ? 'create' : 'update', repeated && held !== undefined ? 2 : 1);
  }
}

export function countsOf(reports: readonly ReportedDelivery[]): Record<string, ReportedCounts> {
  return Object.fromEntries(
    [...Map.groupBy(reports, ({ flow }) => flow)].map(([flow, mine]) => {
      const finished = mine.filter(({ status }) => FINISHED.has(status)).length;
      const delivered = mine.filter(({ status }) => status === 'DELIVERED').length;
      return [flow, { accepted: mine.length, finished, unfinished: mine.length - finished, delivered }];
    }),
  );
}
