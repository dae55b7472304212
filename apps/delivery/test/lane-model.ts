import type { DocumentDeclaration, FindResult } from '#contracts';
import { choose } from '../src/core/choose.ts';
import type { Attempt, Delivery, Lane, Prepared } from '../src/core/lane.ts';
import { happened } from '../src/core/happened.ts';
import { settle } from '../src/core/outcome.ts';
import type { Context, Ended, Settlement } from '../src/core/settlement.ts';
import { again, plan, type Resolved } from '../src/core/plan.ts';
import { doubtsOf, looked, resolve } from '../src/core/resolver.ts';
import { hash } from '../src/core/request.ts';
import { edit, replay, WAITING } from '../src/core/revision.ts';
import { compareVersions } from '../src/core/version.ts';

/**
 * How the next request goes. `unsaid` is `ok` with an answer that names no id. `late` lands after we gave up and before the settle time is over. After a crash the lane comes back at the
 * end of its lease, after `killed` at once, because somebody noticed.
 */
export type Fate =
  | 'ok'
  | 'unsaid'
  | 'applied-unanswered'
  | 'lost'
  | 'late'
  | 'not-sent'
  | 'refused'
  | 'closed'
  | 'crash-before'
  | 'crash-after'
  | 'crash-late'
  | 'killed-before'
  | 'killed-after'
  | 'killed-late';

const LEASE = 300;
const TIMEOUT = 200;
const FINISHED = new Set([
  'DELIVERED',
  'IGNORED',
  'SKIPPED_NOCHANGE',
  'SKIPPED_STALE',
  'RESOLVED_SUPERSEDED',
  'CANCELLED',
]);

interface Posted {
  /** the target's own: of a state always the same, of a fact one for each posting */
  id: string;
  content: string;
  /** with its revision, see `rank` */
  version: bigint;
  requestKey: string;
  /** facts: taken back by now */
  reversed?: boolean;
}

/** The body of a reversal in this model: what it takes back. */
const REVERSES = 'reverses ';

/**
 * One lane in memory around the real decisions, with a clock, a target and a wire: what the statements do, in as few lines
 * as possible. Checks P2 and P3 at every landing, as model/delivery.js does.
 */
export class LaneModel {
  now = 1_000_000;
  /** breaks a rule on purpose */
  cancelsBetweenSteps = false;
  readonly records: Posted[] = [];
  readonly problems: string[] = [];
  readonly deliveries: Delivery[] = [];
  readonly #declaration: DocumentDeclaration;
  readonly #landsWithinMs: number;
  readonly #attempts = new Map<bigint, Attempt[]>();
  readonly #wire: { at: number; request: Prepared; version: bigint }[] = [];
  /** when the target first saw each request key, and the record that it made of it */
  readonly #seen = new Map<string, { at: number; id: string }>();
  /** what a revision goes back to when it is dropped */
  readonly #delivered = new Map<bigint, Pick<Delivery, 'status' | 'kind' | 'body' | 'version'>>();
  #revisions = 1;
  /** what was sent for the live posting */
  #postedBody: string | null = null;
  readonly #lane: Lane;

  /** `landsWithinMs`: how late a request really lands; as the declaration says unless a test lies about it */
  constructor(declaration: DocumentDeclaration, landsWithinMs = declaration.settleMs) {
    this.#declaration = declaration;
    this.#landsWithinMs = landsWithinMs;
    this.#lane = {
      id: 1n,
      connection: 'c',
      document: declaration.document,
      key: 't:e:r',
      token: 0n,
      doubt: null,
      taintedUntil: null,
      taintedRequest: null,
      applied: null,
      acknowledged: null,
      targetId: null,
      cancelled: false,
      posted: null,
    };
  }

  /** Without content: withdrawn. */
  arrive(version: number, content: string | null): void {
    this.deliveries.push({
      id: BigInt(this.deliveries.length + 1),
      documentId: `d${this.deliveries.length + 1}`,
      flow: 'f',
      kind: content === null ? 'withdraw' : 'document',
      status: 'PENDING',
      version: { source: -1n, aggregate: BigInt(version), revision: 1 },
      step: 0,
      nextAttemptAt: null,
      errorClass: null,
      review: null,
      reviewed: false,
      reason: null,
      hopCount: 0,
      flowPaused: false,
      adopted: false,
      saidToExist: false,
      reversed: false,
      deliveredRevision: null,
      attemptN: 0,
      body: content,
      open: [],
      createOnly: [],
    });
  }

  /** A person edits the newest that can be edited; the mapping made something else of the newest event; a person cancels it. */
  order(kind: 'edit' | 'replay' | 'cancel', content: string): void {
    const newestFirst = this.deliveries.toSorted((a, b) => compareVersions(b.version, a.version));
    for (const delivery of newestFirst) {
      const newer = delivery !== newestFirst[0];
      const met = { lane: this.#lane, delivery, declaration: this.#declaration, newer };
      if (kind === 'cancel') {
        if (this.#lane.doubt !== null || !WAITING.has(delivery.status)) continue;
        if (delivery.reversed && !this.cancelsBetweenSteps) continue;
        this.#lane.token++;
        this.#drop(delivery, 'CANCELLED');
        return;
      }
      const same = delivery.kind === 'document' && delivery.body === content;
      const decided = kind === 'edit' ? edit(met) : replay(met, { kind: 'document', same, resend: true });
      if (decided.do === 'nothing') continue;
      if (delivery.status === 'SKIPPED_NOCHANGE') this.#keep(delivery);
      delivery.version = { ...delivery.version, revision: ++this.#revisions };
      Object.assign(delivery, { status: 'PENDING', kind: 'document', body: content, step: 0, nextAttemptAt: null });
      this.#lane.token++;
      return;
    }
  }

  #keep({ id, status, kind, body, version }: Delivery): void {
    this.#delivered.set(id, { status, kind, body, version });
  }

  #drop(delivery: Delivery, status: Delivery['status']): void {
    Object.assign(delivery, { status }, this.#delivered.get(delivery.id));
  }

  /** One claim and what follows of it; `fate` is used if a request goes out. False when there is nothing to do for now. */
  turn(fate: Fate): boolean {
    this.#land();
    const lane = this.#lane;
    lane.token++;
    this.#abandon();
    const open = this.deliveries.filter((delivery) => !FINISHED.has(delivery.status));
    const choice = choose(lane, open, this.#declaration.nature, this.#date());
    if (choice.do === 'wait') return this.#sleep(choice.dueAt);
    const { delivery } = choice;
    const attempts = this.#attempts.get(delivery.id) ?? [];
    if (choice.do === 'try') {
      const decided = plan({
        lane,
        delivery,
        declaration: this.#declaration,
        resolved: resolvedOf(delivery.body),
        last: attempts.at(-1),
        now: this.#date(),
        reversal: this.#postedBody === null ? undefined : { ok: true, body: REVERSES + this.#postedBody },
      });
      if (decided.do === 'wait') return this.#sleep(decided.dueAt);
      if (decided.do === 'finish') {
        if (decided.status === 'SKIPPED_NOCHANGE' && this.#held() !== delivery.body)
          this.problems.push('P6: skipped as unchanged, and the target holds something else');
        if (decided.effect) this.#effect(delivery);
        this.#drop(delivery, decided.status);
        return true;
      }
      if (decided.do !== 'send') throw new Error(`unexpected ${decided.do}`);
      this.#send(delivery, decided.request, fate, false);
      return true;
    }
    const next = resolve(delivery, attempts, this.#declaration, this.#date(), { leaseMs: LEASE, timeoutMs: TIMEOUT });
    if (next.do === 'wait') return this.#sleep(next.dueAt);
    if (next.do === 'park') delivery.status = 'PARKED';
    else if (next.do === 'repeat') this.#send(delivery, next.request, fate, false);
    else if (next.do === 'look') this.#look(delivery, again(next.attempt), attempts, fate);
    else throw new Error(`unexpected ${next.do}`);
    return true;
  }

  /** Nothing is left to do, and what is green is what the target holds. */
  judge(): void {
    for (const delivery of this.deliveries) {
      if (!FINISHED.has(delivery.status) && delivery.status !== 'DEAD' && delivery.status !== 'PARKED') {
        const behind = this.deliveries.some((at) => at.status === 'PARKED' || at.status === 'DEAD');
        if (!behind) this.problems.push(`P7: version ${delivery.version.aggregate} stays ${delivery.status}`);
      }
      const posted = this.records.filter(({ version }) => version / REVISIONS === delivery.version.aggregate).length;
      const { nature, versions } = this.#declaration;
      if (nature === 'fact' && versions !== 'reversal' && delivery.status === 'DELIVERED' && posted !== 1)
        this.problems.push(`P6: version ${delivery.version.aggregate} is delivered and was posted ${posted} times`);
    }
    if (this.#declaration.versions === 'each' || this.#lane.doubt !== null) return;
    // a delivery between its steps has taken back what the newest green one posted
    if (this.deliveries.some(({ status, reversed }) => reversed && !FINISHED.has(status))) return;
    const green = this.deliveries
      .map((at) => (FINISHED.has(at.status) ? at : { ...at, ...(this.#delivered.get(at.id) ?? { status: 'PENDING' }) }))
      .filter(({ id, status }) => GREEN.has(status) || (!FINISHED.has(status) && this.#delivered.has(id)))
      .toSorted((a, b) => compareVersions(b.version, a.version))[0];
    if (green !== undefined && this.#held() !== (green.body ?? undefined))
      this.problems.push(
        `P6: version ${green.version.aggregate} is ${green.status} and the target holds something else`,
      );
  }

  /** What stands at the target now. */
  #held(): string | undefined {
    return this.records.findLast(({ reversed }) => reversed !== true)?.content;
  }

  #send(delivery: Delivery, request: Prepared, fate: Fate, absent: boolean): void {
    const attempts = this.#attempts.get(delivery.id) ?? [];
    this.#attempts.set(delivery.id, attempts);
    if (absent) for (const attempt of attempts) if (attempt.doubt === 'open') attempt.doubt = 'absent';
    const doubtful = doubtsOf(attempts).length > 0;
    const attempt: Attempt = {
      ...request,
      n: attempts.length + 1,
      revision: delivery.version.revision,
      startedAt: this.#date(),
      gaveUpAt: new Date(this.now + LEASE / 3 + TIMEOUT),
      outcome: null,
      doubt: null,
      lookedAt: null,
      lateOutcome: null,
      lateTargetId: null,
    };
    attempts.push(attempt);
    delivery.attemptN = attempts.length;
    delivery.status = 'IN_FLIGHT';
    this.#lane.doubt = delivery.id;
    const version = rank(delivery);
    const [end, when] = fate.split('-');
    if (end === 'crash' || end === 'killed') {
      if (when === 'after') this.#apply(request, version);
      if (when === 'late')
        this.#wire.push({ at: this.now + LEASE / 3 + TIMEOUT + this.#landsWithinMs - 1, request, version });
      this.now += end === 'crash' ? LEASE : 1;
      return;
    }
    const ended = this.#ended(fate, request, version);
    this.#record(delivery, attempt, request, ended, doubtful);
  }

  #ended(fate: Fate, request: Prepared, version: bigint): Exclude<Ended, { outcome: 'duplicate' }> {
    switch (fate) {
      case 'ok':
        return { outcome: 'done', targetId: this.#apply(request, version) };
      case 'unsaid':
        this.#apply(request, version);
        return { outcome: 'done' };
      case 'not-sent':
        return { outcome: 'retry', errorClass: 'CONNECTION', message: 'refused', notSent: true };
      case 'closed':
        return { outcome: 'retry', errorClass: 'CLOSED_PERIOD', message: 'closed' };
      case 'refused':
        return { outcome: 'rejected', errorClass: 'VALUE', message: 'no' };
      default:
        if (fate === 'applied-unanswered') this.#apply(request, version);
        this.now += TIMEOUT;
        if (fate === 'late') this.#wire.push({ at: this.now + this.#landsWithinMs - 1, request, version });
        return { outcome: 'in-doubt', errorClass: 'INTERMITTENT', message: 'timeout' };
    }
  }

  #record(
    delivery: Delivery,
    attempt: Attempt,
    request: Prepared,
    ended: Exclude<Ended, { outcome: 'duplicate' }>,
    doubtful: boolean,
  ): void {
    const settlement = settle(ended, this.#context(delivery, request, doubtful));
    attempt.outcome = settlement.attempt?.outcome ?? null;
    attempt.doubt = settlement.attempt?.doubt ?? null;
    attempt.gaveUpAt = this.#date();
    this.#write(delivery, settlement, doubtful);
    if (settlement.taintMs !== null) {
      this.#lane.taintedUntil = new Date(
        Math.max(this.now + settlement.taintMs, this.#lane.taintedUntil?.getTime() ?? 0),
      );
      this.#lane.taintedRequest = request.requestHash;
    }
  }

  #write(delivery: Delivery, settlement: Settlement, doubtful: boolean): void {
    const lane = this.#lane;
    delivery.status = settlement.status;
    delivery.step = settlement.step;
    delivery.nextAttemptAt = settlement.nextInMs === null ? null : new Date(this.now + settlement.nextInMs);
    if (settlement.closes !== null)
      for (const at of this.#attempts.get(delivery.id) ?? []) if (at.doubt === 'open') at.doubt = settlement.closes;
    const keeps = settlement.attempt?.doubt === 'open' || (doubtful && settlement.closes === null);
    lane.doubt = keeps ? delivery.id : null;
    if (settlement.reversed !== null) delivery.reversed = settlement.reversed;
    if (settlement.unposts) {
      lane.posted = null;
      this.#postedBody = null;
    } else if (settlement.acknowledged !== null) {
      lane.acknowledged = settlement.acknowledged.contentHash;
      if (this.#declaration.nature === 'fact') {
        lane.posted = delivery.documentId;
        if (this.#declaration.versions === 'reversal') this.#postedBody = settlement.acknowledged.body;
      }
    }
    if (settlement.forgets) lane.acknowledged = null;
    if (settlement.status === 'DELIVERED') {
      delivery.deliveredRevision = delivery.version.revision;
      this.#keep(delivery);
    }
    if (settlement.targetId !== null) lane.targetId = settlement.targetId;
    if (settlement.effect) this.#effect(delivery);
  }

  #effect(delivery: Delivery): void {
    this.#lane.applied = delivery.version;
    if (this.#declaration.nature === 'fact') return;
    for (const other of this.deliveries)
      if (!FINISHED.has(other.status) && compareVersions(other.version, delivery.version) < 0)
        this.#drop(other, 'RESOLVED_SUPERSEDED');
  }

  #look(delivery: Delivery, request: Prepared, attempts: Attempt[], fate: Fate): void {
    const id = this.#declaration.nature === 'state' ? this.records.at(-1)?.id : this.#seen.get(request.requestKey)?.id;
    const answer: FindResult =
      id === undefined
        ? { found: 'none', evidence: '' }
        : { found: 'one', targetId: id, requestKeyMatches: true, evidence: '' };
    const next = looked(answer, attempts, this.#declaration, this.#date());
    if (next.do === 'happened')
      this.#write(delivery, happened(this.#context(delivery, request, true), next.targetId), true);
    else if (next.do === 'repeat') this.#send(delivery, next.request, fate, next.absent);
    else if (next.do === 'wait-for-settle') for (const at of doubtsOf(attempts)) at.lookedAt ??= this.#date();
    else throw new Error(`unexpected ${next.do}`);
  }

  #abandon(): void {
    for (const [id, attempts] of this.#attempts)
      for (const attempt of attempts) {
        if (attempt.outcome !== null) continue;
        attempt.outcome = 'in-doubt';
        attempt.doubt = 'open';
        const delivery = this.deliveries.find((at) => at.id === id)!;
        delivery.status = 'UNKNOWN';
        delivery.nextAttemptAt = null;
        const until = attempt.gaveUpAt.getTime() + this.#declaration.settleMs;
        this.#lane.taintedUntil = new Date(Math.max(until, this.#lane.taintedUntil?.getTime() ?? 0));
        this.#lane.taintedRequest = attempt.requestHash;
      }
  }

  #context(delivery: Delivery, request: Prepared, doubtful: boolean): Context {
    const ladder = { ladderMs: [50, 50, 50, 50], jitter: 0 };
    return {
      lane: this.#lane,
      delivery,
      request,
      declaration: this.#declaration,
      ladder,
      doubtful,
      more: true,
      told: 'first',
      reauthMs: 300_000,
      chance: 0.5,
    };
  }

  #sleep(until: Date | null): boolean {
    const next = Math.min(until?.getTime() ?? Infinity, ...this.#wire.map(({ at }) => at));
    if (next === Infinity) return false;
    this.now = Math.max(this.now, next);
    this.#land();
    return true;
  }

  #land(): void {
    for (const request of this.#wire.filter(({ at }) => at <= this.now)) {
      this.#wire.splice(this.#wire.indexOf(request), 1);
      this.#apply(request.request, request.version);
    }
  }

  /** What the target does with a request, by what it declares. */
  #apply(request: Prepared, version: bigint): string {
    const content = request.body!;
    const last = this.records.at(-1);
    const byKey = this.#declaration.repeatIsSafe[request.operation] === 'by-idempotency-key';
    const seen = this.#seen.get(request.requestKey);
    if (byKey && seen !== undefined && this.now < seen.at + (this.#declaration.keyLifetimeMs ?? Infinity))
      return seen.id;
    const id = this.#declaration.nature === 'state' ? 'T' : `T${this.records.length + 1}`;
    this.#seen.set(request.requestKey, { at: seen?.at ?? this.now, id });
    if (request.operation === 'reverse') {
      this.#reverse(request, version);
      return id;
    }
    if (this.#declaration.versions === 'reversal' && this.#held() !== undefined)
      this.problems.push(`P2: version ${version} is posted beside another one`);
    if (last !== undefined && last.version > version && last.content !== content)
      this.problems.push(`P3: version ${version} lands over version ${last.version}`);
    if (request.operation === 'create' && this.#declaration.nature === 'state' && last !== undefined)
      this.problems.push(`P2: a second record is created by version ${version}`);
    const again = ({ version: other, reversed }: Posted): boolean =>
      other === version || (other / REVISIONS === version / REVISIONS && reversed !== true);
    if (this.#declaration.nature === 'fact' && this.records.some(again))
      this.problems.push(`P2: version ${version} is posted twice`);
    const landed = {
      id,
      content,
      version: last !== undefined && last.content === content && last.version > version ? last.version : version,
      requestKey: request.requestKey,
    };
    if (this.#declaration.nature === 'fact' || last === undefined) this.records.push(landed);
    else this.records[this.records.length - 1] = landed;
    return id;
  }

  #reverse({ body, targetId }: Prepared, version: bigint): void {
    const live = this.records.findLast(({ reversed }) => reversed !== true);
    if (live === undefined || body !== REVERSES + live.content)
      this.problems.push(`P2: version ${version} ${body}, and ${live?.content ?? 'nothing'} is posted`);
    else if (this.#declaration.reverseBySwap === undefined && targetId !== live.id)
      this.problems.push(`P2: version ${version} reverses ${targetId}, and ${live.id} is posted`);
    else live.reversed = true;
  }

  #date(): Date {
    return new Date(this.now);
  }
}

/** Undefined for a marker. */
const resolvedOf = (body: string | null): Resolved | undefined =>
  body === null ? undefined : { ok: true, content: body, create: body, contentHash: hash(body) };

const GREEN = new Set(['DELIVERED', 'SKIPPED_NOCHANGE', 'IGNORED']);
const REVISIONS = 10_000n;
/** Orders what goes out: by version, within it by revision. */
const rank = ({ version }: Delivery): bigint => version.aggregate * REVISIONS + BigInt(version.revision);
