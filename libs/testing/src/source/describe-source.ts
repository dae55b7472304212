import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RawEvent, RawRequest, Source, Split } from '#contracts';

/** An event as a test wants the sender to send it. */
export interface SampleEvent {
  id: string;
  type: string;
  /** JSON text of the full record, numbers as they should be sent */
  data: string;
}

/** What a connector brings to be held to the rules that every source obeys. */
export interface SourceSubject {
  /** opens an account that knows these secrets; without secrets where the scheme has none */
  open(secrets: readonly string[]): Source;
  /** one request of the sender, signed with the secret at this moment */
  request(events: readonly SampleEvent[], secret: string, at: Date): RawRequest;
  /** two secrets in the form the scheme asks for; empty where it signs nothing */
  secrets: readonly [string, string] | readonly [];
  /** headers without which nothing is proved */
  signatureHeader?: string;
  /** a signed time says how old a request is */
  fresh: boolean;
  /** several events in one body */
  batches: boolean;
}

/** A rule that this source cannot keep, and why. One that it keeps after all fails: take the waiver out. */
export interface SourceWaiver {
  rule: string;
  reason: string;
}

const NOW = new Date('2026-11-20T12:00:00.000Z');
const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);
const PRIVATE = 'a name nobody else may read';
const SAMPLE: SampleEvent = {
  id: 'event-1',
  type: 'customer.updated',
  data: `{"id":9007199254740993,"version":12,"name":"${PRIVATE}","creditLimit":{"amount":1.10,"currency":"EUR"}}`,
};

/**
 * The conformance kit of sources: what every one must do, whatever its scheme. Prints a score; usable by third parties
 * from a test file of their own.
 */
export function describeSource(name: string, subject: SourceSubject, waivers: readonly SourceWaiver[] = []): void {
  const rules = rulesFor(subject);
  let kept = 0;
  describe(`source ${name}`, () => {
    for (const [rule, check] of rules) {
      const waiver = waivers.find((each) => each.rule === rule);
      if (waiver === undefined)
        it(rule, async () => {
          await check();
          kept++;
        });
      else
        it(`is excused: ${rule} (${waiver.reason})`, async () => {
          await expect(check()).rejects.toThrow();
        });
    }
    it('excuses only rules that exist', () => {
      const names = new Set(rules.keys());
      expect(waivers.filter(({ rule }) => !names.has(rule))).toEqual([]);
    });
    afterAll(() => {
      const excused = waivers.length > 0 ? `, excused: ${waivers.map(({ rule }) => rule).join('; ')}` : '';
      process.stdout.write(`source ${name}: ${kept} of ${rules.size} rules${excused}\n`);
    });
  });
}

type Rules = Map<string, () => Promise<void>>;

function rulesFor(subject: SourceSubject): Rules {
  const rules: Rules = new Map();
  const rule = (name: string, check: () => void): void => void rules.set(name, async () => check());
  const [secret = '', other = ''] = subject.secrets;
  const open = (): Source => subject.open(subject.secrets.slice(0, 1));
  const sample = (): RawRequest => subject.request([SAMPLE], secret, NOW);

  rule('takes what its sender sent', () => {
    expect(open().verify(sample(), NOW)).toEqual({ ok: true });
  });
  if (subject.secrets.length > 0) proofRules(subject, rule, open, sample, secret, other);
  if (subject.fresh) freshnessRules(rule, open, sample);
  contentRules(subject, rule, open, sample, secret);
  return rules;
}

type AddRule = (name: string, check: () => void) => void;

function proofRules(
  subject: SourceSubject,
  rule: AddRule,
  open: () => Source,
  sample: () => RawRequest,
  secret: string,
  other: string,
): void {
  const refused = (request: RawRequest, source = open()): void => {
    const verified = source.verify(request, NOW);
    expect(verified).toEqual({
      ok: false,
      code: expect.stringMatching(/^CROSSDOCK_CAPTURE_/),
      detail: expect.any(String),
    });
    if (!verified.ok) expect(verified.detail).not.toContain(secret);
  };
  rule('refuses a body in which one byte changed', () => {
    const request = sample();
    for (const at of [0, request.body.length >> 1, request.body.length - 1]) {
      const body = Buffer.from(request.body);
      body[at] = body[at]! ^ 1;
      refused({ ...request, body });
    }
  });
  rule('refuses a body that means the same in other bytes', () => {
    const request = sample();
    refused({ ...request, body: Buffer.concat([request.body, Buffer.from('\n')]) });
  });
  rule('refuses a request without a signature', () => {
    const { [subject.signatureHeader!]: _, ...headers } = sample().headers;
    refused({ ...sample(), headers });
  });
  rule('refuses a signature of any length and any text', () => {
    for (const text of ['', 'v1,', 'v1', ' ', 'sha256=', 'x'.repeat(31), 'x'.repeat(33), '\u00e9', 'v1,'.repeat(500)])
      refused({ ...sample(), headers: { ...sample().headers, [subject.signatureHeader!]: text } });
  });
  rule("refuses another's secret", () => refused(subject.request([SAMPLE], other, NOW)));
  rule('takes two secrets during a rotation', () => {
    const source = subject.open([other, secret]);
    expect(source.verify(subject.request([SAMPLE], secret, NOW), NOW).ok).toBe(true);
    expect(source.verify(subject.request([SAMPLE], other, NOW), NOW).ok).toBe(true);
  });
}

function freshnessRules(rule: AddRule, open: () => Source, sample: () => RawRequest): void {
  const at = (seconds: number): boolean => open().verify(sample(), later(seconds)).ok;
  rule('takes what is five minutes old and nothing older', () => {
    expect([299, 300, 301].map(at)).toEqual([true, true, false]);
  });
  rule('takes what is five minutes early and nothing earlier', () => {
    expect([-299, -300, -301].map(at)).toEqual([true, true, false]);
  });
}

function contentRules(
  subject: SourceSubject,
  rule: AddRule,
  open: () => Source,
  sample: () => RawRequest,
  secret: string,
): void {
  const event = (request: RawRequest): RawEvent => eventsOf(open().split(request, NOW))[0]!;
  rule('says what happened to which record, by the digits the sender wrote', () => {
    expect(event(sample())).toMatchObject({
      type: expect.stringMatching(/customer\.updated$/),
      entity: 'customer',
      recordId: '9007199254740993',
      sourceVersion: 12n,
    });
  });
  rule('keeps the record as the sender wrote it', () => expect(event(sample()).data).toBe(SAMPLE.data));
  rule('gives the same ids for the same delivery', () => {
    const again = event(subject.request([SAMPLE], secret, later(60)));
    const { sourceEventId, fingerprint } = event(sample());
    expect(again).toMatchObject({ sourceEventId, fingerprint });
  });
  rule('tells another content under the same id', () => {
    const changed = { ...SAMPLE, data: SAMPLE.data.replace('1.10', '1.11') };
    const { sourceEventId, fingerprint } = event(subject.request([changed], secret, NOW));
    expect(sourceEventId).toBe(event(sample()).sourceEventId);
    expect(fingerprint).not.toBe(event(sample()).fingerprint);
  });
  rule('gives different events different ids', () => {
    const other = event(subject.request([{ ...SAMPLE, id: 'event-2' }], secret, NOW));
    expect(other.sourceEventId).not.toBe(event(sample()).sourceEventId);
  });
  if (subject.batches)
    rule('splits many events of one body, in their order', () => {
      const many = Array.from({ length: 50 }, (_, at) => ({ ...SAMPLE, id: `event-${at}`, data: `{"id":${at}}` }));
      const events = eventsOf(open().split(subject.request(many, secret, NOW), NOW));
      expect(events.map(({ recordId }) => recordId)).toEqual(many.map((_, at) => String(at)));
      expect(new Set(events.map(({ sourceEventId }) => sourceEventId)).size).toBe(many.length);
    });
  rule('refuses a broken body with a reason, and never repeats it', () => {
    const request = sample();
    const cut = { ...request, body: request.body.subarray(0, request.body.length - 2) };
    const split = open().split(cut, NOW);
    expect(split).toMatchObject({ ok: false, status: 400, code: expect.stringMatching(/^CROSSDOCK_CAPTURE_/) });
    expect(JSON.stringify(split)).not.toContain(PRIVATE);
  });
  rule('refuses what is not JSON by its type', () => {
    const headers = { ...sample().headers, 'content-type': 'application/xml' };
    expect(open().split({ ...sample(), headers }, NOW)).toMatchObject({ ok: false, status: 415 });
  });
  rule('survives any bytes', () => {
    const source = open();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const request = { ...sample(), body: Buffer.from(bytes) };
          source.verify(request, NOW);
          const split = source.split(request, NOW);
          if (split.ok) for (const item of split.items) expect(typeof item.ok).toBe('boolean');
        },
      ),
      { numRuns: 300 },
    );
  });
}

function eventsOf(split: Split): RawEvent[] {
  if (!split.ok) throw new Error(`the request was refused: ${split.code}`);
  return split.items.map((item) => {
    if (!item.ok) throw new Error(`an item was refused: ${item.code} ${item.detail}`);
    return item.event;
  });
}
