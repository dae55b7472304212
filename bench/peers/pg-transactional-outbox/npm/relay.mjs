// A relay to Kafka made of pg-transactional-outbox as its documentation shows it: one handler that sends the message.
// Each message is acknowledged by all replicas before it counts as handled; that is what the library waits for.
import kafkajs from 'kafkajs';
import pto from 'pg-transactional-outbox';

const [url, brokers, topic, mode] = process.argv.slice(2);
const { hostname: host, port, username: user, password, pathname } = new URL(url);
const database = {
  host,
  port: Number(port),
  user,
  password: decodeURIComponent(password),
  database: pathname.slice(1),
};

const producer = new kafkajs.Kafka({
  brokers: brokers.split(','),
  logLevel: kafkajs.logLevel.ERROR,
}).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
await producer.connect();

const handler = {
  handle: async ({ id, aggregateId, messageType, payload }) => {
    const headers = { id, eventType: messageType };
    await producer.send({ topic, acks: -1, messages: [{ key: aggregateId, value: JSON.stringify(payload), headers }] });
  },
};
// its two guards against messages that crash the process cost statements per message; without them it is at its fastest
const settings = {
  dbSchema: 'peer',
  dbTable: 'outbox',
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
};
const logger = { ...pto.getDisabledLogger(), error: (...what) => process.stderr.write(`${what.join(' ')}\n`) };

if (mode === 'polling') {
  const polling = {
    ...settings,
    nextMessagesBatchSize: 100,
    nextMessagesFunctionName: 'next_outbox_messages',
    nextMessagesFunctionSchema: 'peer',
    nextMessagesPollingIntervalInMs: 50,
  };
  const options = { outboxOrInbox: 'outbox', dbListenerConfig: database, settings: polling };
  pto.initializePollingMessageListener(options, handler, logger, { batchSizeStrategy: async () => 100 });
} else {
  const slot = { ...settings, dbPublication: 'peer_publication', dbReplicationSlot: 'peer_slot' };
  const options = { outboxOrInbox: 'outbox', dbListenerConfig: database, settings: slot };
  const concurrencyStrategy =
    mode === 'segment'
      ? pto.createReplicationSegmentMutexConcurrencyController()
      : pto.createReplicationMutexConcurrencyController();
  pto.initializeReplicationMessageListener(options, handler, logger, { concurrencyStrategy });
}
process.on('SIGTERM', () => process.exit(0));
