export interface ClusterNode {
  id: number;
  directoryId: string;
  port: number;
  controllerPort: number;
}

/** What a cluster keeps of itself in `cluster.json`, so that it comes back under the same addresses. */
export interface Cluster {
  id: string;
  nodes: ClusterNode[];
}

/** A second listener of a node, under an address that is not its own. */
export interface SideDoor {
  port: number;
  /** the port that its clients are told */
  advertised: number;
}

/**
 * `server.properties` of one node: broker and controller in one, 127.0.0.1 only, nothing auto-created, small inside
 * (threads, inner topics), quick to come back after a crash (a short broker session) and quick to form groups.
 */
export function nodeProperties(cluster: Cluster, node: ClusterNode, dataDir: string, side?: SideDoor): string {
  const replicas = cluster.nodes.length;
  const minIsr = replicas > 1 ? 2 : 1;
  const sessionMs = replicas > 1 ? 3_000 : 1_000;
  const host = '127.0.0.1';
  const listeners = (sidePort?: number): string =>
    [
      `PLAINTEXT://${host}:${node.port}`,
      `CONTROLLER://${host}:${node.controllerPort}`,
      ...(sidePort === undefined ? [] : [`SIDE://${host}:${sidePort}`]),
    ].join(',');
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    listeners: listeners(side?.port),
    'advertised.listeners': listeners(side?.advertised),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SIDE:PLAINTEXT',
    'controller.quorum.bootstrap.servers': cluster.nodes.map((each) => `${host}:${each.controllerPort}`).join(','),
    'log.dirs': dataDir,
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': minIsr,
    'unclean.leader.election.enable': false,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minIsr,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minIsr,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'broker.session.timeout.ms': sessionMs,
    'broker.heartbeat.interval.ms': Math.round(sessionMs / 4),
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 16_777_216,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
