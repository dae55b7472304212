import { act } from './act.ts';
import { define, UsageError } from './define.ts';

/** `crossdock refill`, `crossdock refill --group mapper --topic crm.order.v1 --partition 3` */
export const refill = define({
  name: 'refill',
  usage: '[--group mapper|delivery [--topic <topic> [--partition <n>]]] [--reason "..."] [--dry-run]',
  summary: 'publish again, from the archive, what the log lost before it was handled',
  texts: ['group', 'topic', 'partition', 'reason'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    if (words.length > 0) throw new UsageError('name a partition with --group, --topic and --partition');
    const [group, topic, partition] = [text('group'), text('topic'), text('partition')];
    if (topic !== undefined && group === undefined) throw new UsageError('say with --group whose place in the topic');
    if (partition !== undefined && (topic === undefined || !/^\d{1,9}$/.test(partition)))
      throw new UsageError('--partition is a number, and goes with --topic');
    const body = {
      group,
      topic,
      partition: partition === undefined ? undefined : Number(partition),
      reason: text('reason'),
    };
    const what = ['refill', group, topic, partition].filter((part) => part !== undefined).join(' ');
    return act([{ what, method: 'POST', path: '/api/v1/relay/refill', body }], api, io, {
      json,
      dryRun: flag('dry-run'),
    });
  },
});

/** `crossdock release acme:order:acme-4711` */
export const release = define({
  name: 'release',
  usage: '<record key> [--reason "..."] [--dry-run]',
  summary: 'publish what the relay had set aside of a record, once the log takes it',
  texts: ['reason'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    const [key, ...more] = words;
    if (key === undefined || more.length > 0) throw new UsageError('say which key: <tenant>:<entity>:<record id>');
    const body = { key, reason: text('reason') };
    const what = `release ${key}`;
    return act([{ what, method: 'POST', path: '/api/v1/relay/release', body }], api, io, {
      json,
      dryRun: flag('dry-run'),
    });
  },
});
