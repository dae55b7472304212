import { STATUS_MEANING, type DeliveryStatus } from '#contracts';
import { ago, between, counted, moment } from './text.ts';
import type { Attempt, DeliveryDetail, Event, Hold, RecordTimeline } from './shapes.ts';

/** One screen that answers "why has it not arrived": every hop of every version, and at the end what to do. */
export function timelineText(record: RecordTimeline): string[] {
  const shown = record.events.slice(-MOST_VERSIONS);
  const hidden = record.events.length - shown.length;
  return [
    `${record.entity} ${record.id}: ${counted(record.events.length, 'version', 'versions')}`,
    ...(hidden > 0 ? [`  (${hidden} older ones: --json shows all)`] : []),
    ...shown.flatMap((event) => ['', ...eventText(event)]),
    ...writtenBackText(record),
    '',
    ...verdict(record),
  ];
}

/** What its source knows by now: the newest that each flow has told it, which an echo that changed nothing is not. */
function writtenBackText({ writtenBack = [] }: RecordTimeline): string[] {
  const telling = writtenBack.filter(({ status }) => status !== 'SKIPPED_NOCHANGE' && status !== 'SKIPPED_STALE');
  const newest = [...new Map(telling.map((delivery) => [delivery.flow, delivery])).values()];
  if (newest.length === 0) return [];
  return ['', 'written back', ...newest.flatMap((delivery) => deliveryText(delivery).map((line) => `  ${line}`))];
}

const MOST_VERSIONS = 5;

export function eventText(event: Event): string[] {
  const at = (time: string | undefined): string => (time === undefined ? '' : `+${between(event.receivedAt, time)}`);
  const source = event.sourceVersion === undefined ? '' : ` (source version ${event.sourceVersion})`;
  const lines = [
    `version ${event.aggregateVersion}${source}  ${event.type}  event ${event.id}`,
    hop('received', moment(event.receivedAt), `from ${event.source}`),
  ];
  if (event.state === 'rejected' || event.state === 'dismissed')
    return [...lines, hop(event.state, '', `${event.capture?.code}: ${event.capture?.reason ?? 'no reason was kept'}`)];
  if (event.state === 'captured')
    return [...lines, hop('waiting', '', 'to become an event: capture has not come to it yet')];
  lines.push(hop('committed', at(event.committedAt)));
  if (event.state === 'committed') return [...lines, hop('waiting', '', 'for the relay to hand it to the log')];
  lines.push(
    event.publishedAt === undefined
      ? hop('published', '', 'to the log')
      : hop('published', at(event.publishedAt), `${event.topic} partition ${event.partition} offset ${event.offset}`),
  );
  if (event.state === 'published') lines.push(hop('waiting', '', 'for the mapper and delivery'));
  if (event.state === 'unrouted') lines.push(hop('unrouted', '', 'no flow wants it'));
  for (const dead of event.deadLetters ?? [])
    lines.push(hop('dead', '', `${dead.stage} could not read it: ${dead.reason}`));
  for (const replay of event.replays ?? []) lines.push(hop('replayed', at(replay.at), `as ${replay.id}`));
  return [...lines, ...event.deliveries.flatMap((delivery) => deliveryText(delivery).map((line) => `  ${line}`))];
}

const hop = (what: string, when: string, more = ''): string =>
  `  ${what.padEnd(10)} ${when.padEnd(8)} ${more}`.trimEnd();

export function deliveryText(delivery: DeliveryDetail): string[] {
  const hops = delivery.hops === undefined ? '' : `, ${counted(delivery.hops, 'hop', 'hops')} from our own write`;
  const value = delivery.amount === undefined ? '' : `, worth ${delivery.amount} ${delivery.currency ?? ''}`.trimEnd();
  return [
    `${delivery.flow} -> ${delivery.target} ${delivery.document}: ${outcomeText(delivery)}${value}${hops}  (delivery ${delivery.id})`,
    ...(delivery.error === undefined || (delivery.holds ?? []).length > 0
      ? []
      : [`    ${delivery.errorClass ?? ''} ${delivery.error}`.trimEnd()]),
    ...(delivery.reason === undefined ? [] : [`    not wanted: ${delivery.reason}`]),
    ...(delivery.review === undefined ? [] : [`    to review: ${delivery.review}`]),
    ...(delivery.holds ?? []).map((hold) => `    ${holdText(hold)}`),
    ...attemptsText(delivery.attempts),
  ];
}

function outcomeText(delivery: DeliveryDetail): string {
  const { status, targetId, acceptedAt, finishedAt, nextAttemptAt, changedAt } = delivery;
  const as = targetId === undefined ? '' : ` as ${targetId}`;
  const after = acceptedAt === undefined || finishedAt === undefined ? '' : ` after ${between(acceptedAt, finishedAt)}`;
  if (status === 'DELIVERED') return `DELIVERED${as}${after}${delivery.adopted ? ' (it was there already)' : ''}`;
  if (finishedAt !== undefined) return `${status}${inWords(status)}${after}`;
  if (status === 'RETRY_WAIT' && nextAttemptAt !== undefined)
    return `RETRY_WAIT, next attempt ${moment(nextAttemptAt)}`;
  return `${status}, changed ${ago(changedAt)}`;
}

const inWords = (status: string): string =>
  Object.hasOwn(STATUS_MEANING, status) ? ` (${STATUS_MEANING[status as DeliveryStatus]})` : '';

function holdText(hold: Hold): string {
  const others = hold.waiting > 1 ? `, like ${counted(hold.waiting - 1, 'other', 'others')}` : '';
  const since = `since ${moment(hold.since)}${others}`;
  if (hold.kind === 'value') return `waits for a value of "${hold.key}" in ${hold.name}, ${since}`;
  const where =
    hold.awaited === undefined
      ? 'nothing of it has come yet'
      : `which is ${hold.awaited.status}${hold.awaited.errorClass ? ` (${hold.awaited.errorClass})` : ''}, delivery ${hold.awaited.deliveryId}`;
  return `waits for ${hold.name} ${hold.key}: ${where}; ${since}`;
}

const MOST_ATTEMPTS = 5;

function attemptsText(attempts: readonly Attempt[]): string[] {
  const shown = attempts.slice(-MOST_ATTEMPTS);
  const hidden = attempts.length - shown.length;
  return [
    ...(hidden > 0 ? [`    (${counted(hidden, 'earlier attempt', 'earlier attempts')})`] : []),
    ...shown.map((attempt) => {
      const answer = attempt.httpStatus === undefined ? '' : ` (HTTP ${attempt.httpStatus})`;
      const doubt = attempt.doubt === undefined ? '' : `, doubt ${attempt.doubt}`;
      const why = attempt.error === undefined ? '' : `: ${attempt.error}`;
      return `    attempt ${attempt.n}  ${moment(attempt.startedAt)}  ${attempt.operation ?? ''} ${attempt.outcome}${answer}${doubt}${why}`;
    }),
  ];
}

/** What to do now, for the newest version: the older ones are superseded by it. */
export function verdict({ events }: RecordTimeline): string[] {
  const last = events.at(-1);
  if (last === undefined) return ['nothing has come yet'];
  if (last.state === 'rejected')
    return [
      'not arrived: correct the record in its source and send it again, or see "crossdock captured" for what else can be done',
    ];
  if (last.state === 'dismissed') return ['not arrived: it was rejected, and somebody gave it up'];
  if (last.state === 'unrouted') return ['not arrived: no flow in crossdock.yaml wants it'];
  if (last.state === 'dead')
    return ['not arrived: see the dead letter above; a newer version of the record will flow again'];
  if (last.deliveries.length === 0)
    return ['on its way: ask again in a moment; if it stays, "crossdock status" shows where it is stuck'];
  const open = last.deliveries.filter(
    ({ finishedAt, status }) => finishedAt === undefined || status === 'PARKED' || status === 'DEAD',
  );
  if (last.deliveries.every(({ status, kind }) => status === 'IGNORED' && kind !== 'document'))
    return ['nothing to deliver: no mapping wants it as it stands now, see above'];
  if (open.length === 0) return ['arrived: everything that this record should become is settled'];
  return open.map((delivery) => `${delivery.flow}: ${adviceFor(delivery)}`);
}

function adviceFor(delivery: DeliveryDetail): string {
  const { id, status } = delivery;
  const [hold] = delivery.holds ?? [];
  switch (status) {
    case 'HELD_DEPENDENCY':
      if (hold?.kind === 'value')
        return `fill the value "${hold.key}" of ${hold.name}: crossdock values ${hold.name} --connection ${delivery.target} "${hold.key}=..."`;
      if (hold?.awaited !== undefined)
        return `see why ${hold.key} is not there: crossdock show delivery ${hold.awaited.deliveryId}`;
      return hold === undefined
        ? 'is released by itself'
        : `send ${hold.key} from its source, or bind it: crossdock xref bind --connection ${delivery.target} --document ${hold.name} --key ${hold.key} --target-id ...`;
    case 'PARKED':
      return delivery.errorClass === 'UNKNOWN_OUTCOME'
        ? `look into ${delivery.target}, then: crossdock resolve ${id} --as applied|not-applied --reason "..."`
        : `when the cause is gone: crossdock retry ${id} --reason "..."`;
    case 'DEAD':
      return `correct the record in its source (a newer version replaces this one; a posting is not replaced: crossdock edit ${id}, or crossdock cancel ${id} --reason "..."), or: crossdock retry ${id} --reason "..."`;
    case 'HELD_PERIOD':
      return `open the period in ${delivery.target}: it is tried again within the hour, or at once: crossdock retry ${id} --reason "..."`;
    case 'HELD_REVIEW':
      if (delivery.errorClass === 'UNKNOWN_OUTCOME')
        return `look into ${delivery.target}, then: crossdock resolve ${id} --as applied --target-id ..., or send it: crossdock retry ${id} --reason "..."`;
      return `somebody has to decide: crossdock retry ${id} --reason "..." sends it`;
    case 'RETRY_WAIT':
    case 'PENDING':
    case 'IN_FLIGHT':
      if (delivery.waitingFor?.kind === 'quota')
        return `the daily quota of ${delivery.target} is used up: it goes on by itself at ${moment(delivery.waitingFor.until)}, or now from the reserve: crossdock retry ${id} --reason "..."`;
      return `on its way to ${delivery.target}; "crossdock status" shows its breaker`;
    case 'UNKNOWN':
      return `sent and unanswered: being found out by itself`;
    default:
      return `waits as ${status}`;
  }
}
