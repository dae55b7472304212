/** One route of the API as people read of it. A test holds this table against the controllers. */
export interface RouteRow {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'ALL';
  path: string;
  permission: string;
  takes: string;
  gives: string;
}

const PAGE = '`limit` (1 to 500, default 50), `after` (the `next` of the page before)';
const COMMAND =
  '200 `{commandId, status, result}` when it is done within 2 s, 202 `{commandId}` else, 409 when it is refused';

export const ROUTES: readonly RouteRow[] = [
  {
    method: 'GET',
    path: '/api/v1/status',
    permission: 'status.read',
    takes: '',
    gives:
      'flows with accepted = finished + unfinished + difference, lag, value not delivered; connections; capture; outbox',
  },
  {
    method: 'GET',
    path: '/api/v1/captured',
    permission: 'records.read',
    takes: `\`status\` (waiting, published, rejected, dismissed), \`connection\`, ${PAGE}`,
    gives: '`{items, next?}`: what came in, with code and reason where it could not become an event',
  },
  {
    method: 'POST',
    path: '/api/v1/captured/renormalise',
    permission: 'records.act',
    takes: '`{reason, connection?, code?}`',
    gives: 'every rejected one of the selection tries again to become an event: `{rows}`',
  },
  {
    method: 'POST',
    path: '/api/v1/captured/:id/renormalise',
    permission: 'records.act',
    takes: '`{reason}`',
    gives: 'one that was rejected or dismissed tries again; it keeps its version, so it cannot overtake what is newer',
  },
  {
    method: 'POST',
    path: '/api/v1/captured/:id/dismiss',
    permission: 'records.act',
    takes: '`{reason}`',
    gives: 'one that was rejected is given up; it stays visible as dismissed',
  },
  {
    method: 'GET',
    path: '/api/v1/events',
    permission: 'records.read',
    takes: `\`q\` (any of the following), \`recordId\`, \`number\` or \`orderNumber\`, \`targetId\`, \`eventId\`, \`key\`, \`entity\`; without any of them all events: ${PAGE}`,
    gives:
      '`{items, next?, complete}`: events with all that became of them, newest first; `complete: false` while older events are still being read for numbers: ask again',
  },
  {
    method: 'GET',
    path: '/api/v1/events/:id',
    permission: 'records.read',
    takes: '',
    gives: 'one event with all that became of it',
  },
  {
    method: 'GET',
    path: '/api/v1/records/:entity/:id',
    permission: 'records.read',
    takes: "the id with its source's prefix, or without it where only one source has it",
    gives:
      '`{entity, id, events, writtenBack}`: the timeline of one record across all targets, and the newest that its source was told of it',
  },
  {
    method: 'GET',
    path: '/api/v1/deliveries',
    permission: 'deliveries.read',
    takes: `\`flow\`, \`target\`, \`status\` (one, several by commas, or held, finished, unfinished), \`errorClass\`, \`key\`, \`entity\`, \`recordId\`, ${PAGE}`,
    gives: '`{items, next?}`, newest first',
  },
  {
    method: 'GET',
    path: '/api/v1/deliveries/:id',
    permission: 'deliveries.read',
    takes: '',
    gives: 'one delivery with its attempts and what it waits for',
  },
  {
    method: 'POST',
    path: '/api/v1/deliveries/:id/retry',
    permission: 'deliveries.act',
    takes: '`{reason}`',
    gives: COMMAND,
  },
  {
    method: 'POST',
    path: '/api/v1/deliveries/:id/resolve',
    permission: 'deliveries.act',
    takes: '`{reason, as: applied or not-applied, targetId?}`',
    gives: COMMAND,
  },
  {
    method: 'POST',
    path: '/api/v1/deliveries/:id/cancel',
    permission: 'deliveries.act',
    takes: '`{reason}`',
    gives: COMMAND,
  },
  {
    method: 'POST',
    path: '/api/v1/deliveries/:id/edit',
    permission: 'deliveries.act',
    takes: '`{reason, document}`: the whole document as it should be sent, every digit as written',
    gives: `${COMMAND}; a new revision of what waits, is held, parked or dead`,
  },
  {
    method: 'GET',
    path: '/api/v1/deliveries/:id/document',
    permission: 'records.read',
    takes: '',
    gives:
      '`{id, revision, kind, origin, open, document}`: what is sent, without the fields that delivery fills in (`open`)',
  },
  {
    method: 'POST',
    path: '/api/v1/replays',
    permission: 'deliveries.act',
    takes:
      '`{reason, events: [id]}` (at most 5,000) or `{reason, flow?, target?, status?, errorClass?, entity?, recordId?}` (any number), or `{reason, deadLetters: true, flow?, entity?}`: events in dead-letter topics that were not taken in since; `resend: changed` sends again what was delivered and differs by now; `rate`: events a second, 1 to 1,000, default 200; `dryRun: true` only counts',
    gives: `${COMMAND}; dry run: \`{dryRun, count, events}\``,
  },
  {
    method: 'GET',
    path: '/api/v1/replays/:id',
    permission: 'deliveries.read',
    takes: '`:id` is the commandId',
    gives:
      'the command with `result: {replayed, left, missing?, notOfTheCrm?}` so far, and `outcomes: [{flow, outcome, note?, count, deliveryId?}]`: revised, taken, or nothing and why',
  },
  {
    method: 'DELETE',
    path: '/api/v1/replays/:id',
    permission: 'deliveries.act',
    takes: '`{reason?}`',
    gives: `${COMMAND}; ends it before its next second, what it has sent through goes its way`,
  },
  {
    method: 'GET',
    path: '/api/v1/failures',
    permission: 'deliveries.read',
    takes: '',
    gives:
      '`{items, captured, deadLetters}`: what failed and is not finished, grouped by target, class and normalised message, with count, records, value and who fixes it',
  },
  {
    method: 'GET',
    path: '/api/v1/commands/:id',
    permission: 'deliveries.read',
    takes: '',
    gives: 'what became of an order that was answered with 202',
  },
  {
    method: 'GET',
    path: '/api/v1/value-maps/:set',
    permission: 'value-maps.read',
    takes: '`connection` (without it: the values that serve all)',
    gives: '`{set, connection, values: {from: to}, open: [{from, waiting, since}]}`',
  },
  {
    method: 'PUT',
    path: '/api/v1/value-maps/:set',
    permission: 'value-maps.write',
    takes: '`connection`; `{values: {from: to}, reason?}`',
    gives: `${COMMAND}; what waited for these values is released`,
  },
  {
    method: 'GET',
    path: '/api/v1/xref',
    permission: 'xref.read',
    takes: `\`connection\`, \`document\`, \`key\`, \`targetId\`, ${PAGE}`,
    gives: '`{items: [{connection, document, key, targetId, boundAt, boundBy}], next?}`',
  },
  {
    method: 'PUT',
    path: '/api/v1/xref',
    permission: 'xref.write',
    takes: '`{connection, document, key, targetId, reason?}`',
    gives: `${COMMAND}; what waited for this record is released`,
  },
  {
    method: 'POST',
    path: '/api/v1/relay/release',
    permission: 'deliveries.act',
    takes: '`{key, reason?}`',
    gives: `${COMMAND}; what the relay had set aside of this record is published, in order`,
  },
  {
    method: 'POST',
    path: '/api/v1/relay/refill',
    permission: 'deliveries.act',
    takes: '`{group?: mapper or delivery, topic?, partition?, reason?}` (without them: everything that is missing)',
    gives: `${COMMAND}: \`{published, partitions}\`; what the log lost before it was handled is published again; refused where a topic is named in which the group has no place`,
  },
  {
    method: 'POST',
    path: '/api/v1/flows/:name/pause',
    permission: 'flows.act',
    takes: '`{reason?}`',
    gives: COMMAND,
  },
  {
    method: 'POST',
    path: '/api/v1/flows/:name/resume',
    permission: 'flows.act',
    takes: '`{reason?}`',
    gives: COMMAND,
  },
  {
    method: 'POST',
    path: '/api/v1/connections/:name/pause',
    permission: 'connections.act',
    takes: '`{reason?}`',
    gives: COMMAND,
  },
  {
    method: 'POST',
    path: '/api/v1/connections/:name/resume',
    permission: 'connections.act',
    takes: '`{reason?}`',
    gives: COMMAND,
  },
  {
    method: 'POST',
    path: '/api/v1/mappings/:name/try',
    permission: 'records.read',
    takes: '`{eventId, flow?}`',
    gives:
      'what this past event becomes today: `{kind, document, open, createOnly, review?}` or `{kind, reason}`; nothing is sent',
  },
  ...['subjects', 'subjects/*', 'schemas/*', 'config', 'config/*', 'mode', 'schema-registry', 'schema-registry/*'].map(
    (path): RouteRow => ({
      method: 'ALL',
      path: `/${path}`,
      permission: 'schemas.read',
      takes: '',
      gives: "the read side of Confluent's Schema Registry API",
    }),
  ),
];

/** docs/reference/api.md */
export function apiReference(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|') || '–';
  const rows = ROUTES.map(
    ({ method, path, permission, takes, gives }) =>
      `| \`${method} ${path}\` | ${permission} | ${cell(takes)} | ${cell(gives)} |`,
  );
  return `<!-- generated by \`npm run generate\` -->

# HTTP API

Served by console and by all-in-one on \`CROSSDOCK_PORT\`. With \`CROSSDOCK_API_TOKEN\` set every route asks for
\`Authorization: Bearer\`. Longs and decimals are JSON strings, times ISO 8601. Errors are problem documents (RFC 9457) with a stable
\`code\`; an unknown filter is 400, an unknown name 404 with the nearest that exists.

| route | permission | takes | gives |
|---|---|---|---|
${rows.join('\n')}
`;
}
