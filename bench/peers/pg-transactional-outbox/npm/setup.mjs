// Prints the library's own set-up script for one of its two ways.
import pto from 'pg-transactional-outbox';

const settings = {
  outboxOrInbox: 'outbox',
  database: 'crossdock',
  schema: 'peer',
  table: 'outbox',
  listenerRole: 'crossdock',
  publication: 'peer_publication',
  replicationSlot: 'peer_slot',
  nextMessagesName: 'next_outbox_messages',
};
const { DatabaseSetupExporter: exporter } = pto;
const script =
  process.argv[2] === 'polling'
    ? exporter.createPollingScript(settings, true)
    : exporter.createReplicationScript(settings, true);
process.stdout.write(script);
