// Reads topics of Crossdock with clients that know nothing of Crossdock, and keeps the newest version of each record.
//   node docs/guides/consumer.mjs BROKERS REGISTRY_URL TOPIC...       prints one line of JSON per record
import kafkajs from 'kafkajs';
import confluent from '@kafkajs/confluent-schema-registry';

const [brokers, registryUrl, ...topics] = process.argv.slice(2);
const registry = new confluent.SchemaRegistry({ host: registryUrl });
const kafka = new kafkajs.Kafka({
  clientId: 'a-consumer',
  brokers: brokers.split(','),
  logLevel: kafkajs.logLevel.NOTHING,
});
const consumer = kafka.consumer({ groupId: `a-consumer-${process.pid}` });
const newest = new Map(); // topic and key -> highest version: delivery is at least once, so an older one may come again

await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ topic, message }) => {
    const header = (name) => message.headers[name]?.toString();
    const review = header('cd_review');
    if (message.value === null || review !== undefined) return; // a marker, or held for a person: nothing to act on
    const version = BigInt(header('ce_aggregateversion') ?? header('cd_aggregateVersion'));
    const record = `${topic} ${message.key}`;
    if (version <= (newest.get(record) ?? 0n)) return;
    newest.set(record, version);
    const value = await registry.decode(message.value);
    const text = JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item));
    process.stdout.write(
      `{"topic":"${topic}","key":${JSON.stringify(String(message.key))},"version":"${version}","value":${text}}\n`,
    );
  },
});
process.on('SIGTERM', () => void consumer.disconnect().then(() => process.exit(0)));
