import { parseArgs } from 'node:util';
import { acceptHistory, readHistory } from '#db';
import { EXIT, type Command, type Io } from '../io.ts';
import { table } from '../commands/text.ts';
import { forgetContent } from './forget-content.ts';
import { endOrders } from './end-orders.ts';
import { leftOver, notTakenIn } from './left-over.ts';
import { lookForAll, type Verdict } from './look.ts';
import { isDoubted, makeReport, type Report } from './report.ts';
import { openSurroundings, type Surroundings } from './surroundings.ts';
import { hold, type Why } from './unfinished.ts';

/** A week for late repeats of sources, and the longest that people take to notice. */
const LOOK_DAYS = 30;
const USAGE = '[report | accept [--hold-updates] [--look-days n] | done] [--json]';

/** After a restore or a failover that lost commits: what differs, and going on. docs/guides/operate.md has the procedure. */
export const restore: Command = {
  name: 'restore',
  usage: '[report | accept | done]',
  summary: 'after a restore of the database: what differs, and going on',
  run: async (args, io) => {
    const given = parse(args);
    if (given === undefined) {
      io.err(`usage: crossdock restore ${USAGE}`);
      return EXIT.usage;
    }
    const at = await openSurroundings();
    try {
      return await restoreVerbs[given.verb](at, io, given);
    } finally {
      await at.close();
    }
  },
};

interface Given {
  verb: keyof typeof restoreVerbs;
  json: boolean;
  holdUpdates: boolean;
  lookDays: number;
}

/** What each word does; for tests, which bring surroundings of their own. */
export const restoreVerbs = { status, report, accept, done };

function parse(args: readonly string[]): Given | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, 'hold-updates': { type: 'boolean' }, 'look-days': { type: 'string' } },
    });
    const verb = positionals[0] ?? 'status';
    const lookDays = Number(values['look-days'] ?? LOOK_DAYS);
    if (positionals.length > 1 || !Object.hasOwn(restoreVerbs, verb) || !(lookDays >= 1 && lookDays <= 3650))
      return undefined;
    return {
      verb: verb as keyof typeof restoreVerbs,
      json: values.json === true,
      holdUpdates: values['hold-updates'] === true,
      lookDays: Math.floor(lookDays),
    };
  } catch {
    return undefined;
  }
}

async function status({ database }: Surroundings, io: Io, { json }: Given): Promise<number> {
  const history = await readHistory(database);
  if (json) io.out(JSON.stringify(history, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
  else if (!isDoubted(history)) io.out('the database is trusted: documents are sent');
  else {
    io.out(`doubted: ${history.reason}`);
    io.out(
      history.reportedAt === null
        ? 'nothing is taken in and nothing is sent; next: crossdock restore report'
        : 'events are taken in, nothing is sent; next: crossdock restore accept',
    );
  }
  return EXIT.ok;
}

async function report(at: Surroundings, io: Io, { json }: Given): Promise<number> {
  if (!isDoubted(await readHistory(at.database))) {
    io.err('crossdock restore: the database is trusted, there is nothing to report');
    return EXIT.failed;
  }
  const made = await makeReport(at);
  if (json) io.out(JSON.stringify(made));
  else for (const line of inWords(made)) io.out(line);
  return made.deliveries.counts.failed > 0 || notTakenIn(made.left) !== undefined ? EXIT.partly : EXIT.ok;
}

const UNREMARKABLE: ReadonlySet<Verdict> = new Set(['absent', 'repeatable', 'dead']);

function inWords({ reason, missing, events, orders, left, deliveries }: Report): string[] {
  const { counts, findings } = deliveries;
  const lines = [
    `doubted: ${reason}`,
    `what was committed from ${missing.from ?? 'the beginning'} to ${missing.to ?? 'now'} may be missing`,
    events === undefined
      ? 'event log: restored with the database, it holds nothing more: have the sources send again what they sent since then'
      : `event log: ${events.putBack} events were not in the database; they are back in the outbox, with their ids and versions`,
  ];
  if (orders > 0) lines.push(ended(orders));
  const waiting = notTakenIn(left);
  if (waiting !== undefined) lines.push(waiting);
  lines.push(
    `not delivered as far as the database knows: ${counts.found} are at the target and will be adopted, ${counts.absent} are not ` +
      `there and will be sent, ${counts.repeatable} are repeats that the target knows, ${counts.update} are updates, ` +
      `${counts.unknowable} cannot be looked up and will be held for you, ${counts.failed} looks failed, ` +
      `${counts.dead} are dead letters and stay so`,
  );
  if (counts.update > 0)
    lines.push(
      'an update is older than the target where a newer version was lost: have it sent again first, or --hold-updates',
    );
  if (counts.dead > 0)
    lines.push('a dead letter may have been sent by a person since the backup: look at the target before you retry it');
  if (counts.failed > 0) lines.push('a look that failed says nothing: mend the way to the target and report again');
  const shown = findings.filter(({ verdict }) => !UNREMARKABLE.has(verdict)).slice(0, 50);
  if (shown.length > 0)
    lines.push(
      ...table(
        ['', 'connection', 'document', 'key', 'version', 'target id'],
        shown.map((one) => [one.verdict, one.connection, one.document, one.key, one.version, one.targetId ?? '']),
      ),
    );
  lines.push('next: crossdock restore accept');
  return lines;
}

const ended = (orders: number): string =>
  `${orders} orders of people waited and are ended (retry, replay and the like): look at the targets and order them again`;

const UNKNOWABLE: Why = {
  reason: 'may be at the target since before the restore, and it cannot be asked',
  errorClass: 'UNKNOWN_OUTCOME',
  doubts: 'find-out',
};
/** A newer version replaces it, as it does at the target. */
const OLDER: Why = {
  reason: 'may be older than the target: the database was restored',
  errorClass: null,
  doubts: 'park',
};

async function accept(at: Surroundings, io: Io, { json, holdUpdates, lookDays }: Given): Promise<number> {
  const { state, reportedAt } = await readHistory(at.database);
  if (state !== 'doubted' || reportedAt === null) {
    const why = state === 'doubted' ? 'nobody has looked yet: crossdock restore report' : 'there is nothing to accept';
    io.err(`crossdock restore: ${why}`);
    return EXIT.failed;
  }
  const orders = await endOrders(at.database);
  if (orders > 0 && !json) io.out(ended(orders));
  const waiting = notTakenIn(await leftOver(at));
  if (waiting !== undefined) {
    io.err(`crossdock restore: ${waiting}`);
    return EXIT.failed;
  }
  const looked = await lookForAll(at.database, at.targets);
  if (looked.counts.failed > 0) {
    io.err(`crossdock restore: ${looked.counts.failed} looks failed; nothing is sent on a guess: report again`);
    return EXIT.failed;
  }
  const held = await hold(at.database, looked.unknowable, UNKNOWABLE);
  const updates = holdUpdates ? await hold(at.database, looked.updates, OLDER) : 0;
  await forgetContent(at.database, at.targets);
  const generation = await acceptHistory(at.database, lookDays);
  if (json) io.out(JSON.stringify({ generation, held, updates, orders, lookDays }));
  else {
    io.out(
      `accepted: sending goes on; for ${lookDays} days nothing is created without a look (crossdock restore done ends that)`,
    );
    if (held + updates > 0) io.out(`${held + updates} deliveries are held for a person: crossdock failures`);
  }
  return EXIT.ok;
}

async function done({ database }: Surroundings, io: Io): Promise<number> {
  await database.query('update history set look_until = null');
  io.out('creates are sent without a look again');
  return EXIT.ok;
}
