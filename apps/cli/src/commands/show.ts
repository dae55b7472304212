import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CRM_ENTITIES } from '#contracts';
import { generatedSecret, readEnvironment } from '#platform';
import { EXIT, type Io } from '../io.ts';
import { ApiProblem, type Api } from './api.ts';
import { define, query, UsageError } from './define.ts';
import type { DeliveryDetail, Event, RecordTimeline } from './shapes.ts';
import { deliveryText, eventText, timelineText, verdict } from './timeline.ts';

export const command = define({
  name: 'show',
  usage: `<${CRM_ENTITIES.join('|')}|event|delivery|secret> <id>`,
  summary: 'everything about one record, event or delivery; or a generated secret',
  run: async ({ words, api, io, json }) => {
    const [what, id, ...more] = words;
    if (what === undefined || id === undefined || more.length > 0) throw new UsageError('say what to show and its id');
    if (what === 'secret') return showSecret(id, io, json);
    const [value, lines] = await shown(what, id, api);
    if (json) io.out(JSON.stringify(value));
    else for (const line of lines) io.out(line);
    return EXIT.ok;
  },
});

async function shown(what: string, id: string, api: Api): Promise<[unknown, string[]]> {
  if (what === 'delivery') {
    const delivery = await api.get<DeliveryDetail>(`/api/v1/deliveries/${encodeURIComponent(id)}`);
    return [delivery, deliveryText(delivery)];
  }
  if (what === 'event') {
    const event = await api.get<Event>(`/api/v1/events/${encodeURIComponent(id)}`);
    const alone = { entity: event.entity, id: event.recordId, events: [event] };
    return [event, [`${event.entity} ${event.recordId}`, ...eventText(event), '', ...verdict(alone)]];
  }
  const record = await findRecord(what, id, api);
  return [record, timelineText(record)];
}

/** By the id, as it stands or without its source's prefix; else by the number people know it by. */
async function findRecord(entity: string, id: string, api: Api): Promise<RecordTimeline> {
  const read = (recordId: string): Promise<RecordTimeline> =>
    api.get<RecordTimeline>(`/api/v1/records/${encodeURIComponent(entity)}/${encodeURIComponent(recordId)}`);
  try {
    return await read(id);
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== 'CROSSDOCK_API_NOT_FOUND') throw error;
    const { items } = await api.get<{ items: Event[] }>(`/api/v1/events${query({ q: id, entity })}`);
    const ids = [...new Set(items.map(({ recordId }) => recordId))];
    if (ids.length === 1) return read(ids[0]!);
    if (ids.length === 0) throw new ApiProblem(404, error.code, `${error.message}, neither as id nor as number`);
    throw new ApiProblem(409, 'CROSSDOCK_API_AMBIGUOUS', `several records are called "${id}": ${ids.join(', ')}`);
  }
}

/** Reads the data folder, not the API: a secret never travels. */
function showSecret(name: string, io: Io, json: boolean): number {
  const { data } = readEnvironment();
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(join(data, 'secrets', name))) {
    io.err(
      `crossdock show: there is no generated secret "${name}" under ${data}: it is made at the first start; is CROSSDOCK_DATA the one it was started with?`,
    );
    return EXIT.failed;
  }
  const secret = generatedSecret(data, name);
  io.out(json ? JSON.stringify({ name, secret }) : secret);
  return EXIT.ok;
}
