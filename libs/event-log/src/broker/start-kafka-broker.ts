import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BrokerProcess } from './broker-process.ts';
import { kafkaJars, run } from './jars.ts';
import { nodeProperties } from './node-properties.ts';
import type { Cluster, SideDoor } from './node-properties.ts';
import { freePorts } from './ports.ts';

export interface KafkaBrokerOptions {
  /** data and settings of this cluster; the same folder gives the same cluster again */
  dir: string;
  /** 1, or 3 for tests of a failover (replication factor 3, two in sync) */
  nodes?: 1 | 3;
  /** the java binary, 17 or newer; default `java` */
  java?: string;
  /** default 512m; 256m is enough for tests */
  heap?: string;
  /** where the jars are kept; default `kafka-jars` beside `dir` */
  cache?: string;
  /**
   * gives every node a second listener: is told its port, before the node starts, and gives the port that clients who come
   * by it are told. A test puts a proxy there; who comes by the first listener, the nodes among themselves too, is not disturbed
   */
  sideDoor?(port: number): Promise<number>;
}

export interface KafkaBroker {
  /** `127.0.0.1:port`, one per node */
  brokers: string[];
  stop(): Promise<void>;
  /** SIGKILL, for tests */
  kill(id: number): Promise<void>;
  start(id: number): Promise<void>;
  pid(id: number): number | undefined;
}

/** C1 only and the serial collector: starts in 3 s and takes 220 MiB; measured against seven other combinations. */
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/**
 * A real Apache Kafka (KRaft) without Docker, on 127.0.0.1, from its own jars through Maven. Formats once, keeps its
 * ports, survives restarts on the same data, and ends a broker that a killed earlier run left behind.
 */
export async function startKafkaBroker(options: KafkaBrokerOptions): Promise<KafkaBroker> {
  const { nodes = 1, java = 'java', heap = '512m' } = options;
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const jars = await kafkaJars(resolve(options.cache ?? join(dirname(dir), 'kafka-jars')));
  const base = ['-cp', jars.classPath, `-Dlog4j2.configurationFile=${jars.log4j}`, ...JVM];
  const cluster = await knownCluster(join(dir, 'cluster.json'), nodes);
  const processes = new Map<number, BrokerProcess>();
  for (const node of cluster.nodes) {
    const properties = join(dir, `node-${node.id}.properties`);
    const data = join(dir, `data-${node.id}`);
    writeFileSync(properties, nodeProperties(cluster, node, data, await sideDoorOf(options)));
    if (!existsSync(join(data, 'meta.properties'))) {
      const quorum =
        cluster.nodes.length === 1
          ? ['--standalone']
          : [
              '--initial-controllers',
              cluster.nodes.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}:${each.directoryId}`).join(','),
            ];
      const format = ['kafka.tools.StorageTool', 'format', '-t', cluster.id, '-c', properties, ...quorum];
      await run(java, [...base, '-Xmx128m', ...format]);
    }
    const args = [...base, `-Xms64m`, `-Xmx${heap}`, 'kafka.Kafka', properties];
    processes.set(node.id, new BrokerProcess(java, args, join(dir, `node-${node.id}.pid`), properties));
  }
  const all = [...processes.values()];
  const stop = async (): Promise<void> => void (await Promise.all(all.map((each) => each.stop())));
  try {
    await Promise.all(all.map((each) => each.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers: cluster.nodes.map((node) => `127.0.0.1:${node.port}`),
    stop,
    kill: async (id) => processes.get(id)?.kill(),
    start: async (id) => processes.get(id)?.start(),
    pid: (id) => processes.get(id)?.pid,
  };
}

async function sideDoorOf({ sideDoor }: KafkaBrokerOptions): Promise<SideDoor | undefined> {
  if (!sideDoor) return undefined;
  const [port] = await freePorts(1);
  return { port: port!, advertised: await sideDoor(port!) };
}

/** The one in this folder, or a new one. */
async function knownCluster(file: string, count: number): Promise<Cluster> {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Cluster;
  const ports = await freePorts(count * 2);
  const nodes = Array.from({ length: count }, (_, at) => ({
    id: at + 1,
    directoryId: kafkaUuid(),
    port: ports[2 * at]!,
    controllerPort: ports[2 * at + 1]!,
  }));
  const cluster = { id: kafkaUuid(), nodes };
  writeFileSync(file, JSON.stringify(cluster, null, 2));
  return cluster;
}

/** 16 random bytes in base64url; a leading `-` would be read as an option. */
export function kafkaUuid(): string {
  const text = randomBytes(16).toString('base64url');
  return text.startsWith('-') ? kafkaUuid() : text;
}
