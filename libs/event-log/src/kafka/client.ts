import kafkajs from 'kafkajs';
import type { Kafka, RetryOptions, SASLOptions } from 'kafkajs';
import type { Secret } from '#contracts';
import { registerCodecs } from './codecs.ts';
import { patchKafkajs } from './patches.ts';

/** How to reach a cluster; whoever reads the environment fills it in. */
export interface KafkaConnection {
  brokers: readonly string[];
  ssl?: boolean;
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string | Secret };
}

export type OnLog = (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;

/** Long enough to outlast a failover (10 s with a broker's default session); both clients' defaults are not. */
export const RETRY_FOR_MS = 30_000;
export const RETRY = { retries: RETRY_FOR_MS / 500, initialRetryTime: 100, maxRetryTime: 500 };

/**
 * What kafkajs logs is what it retries by itself ("coordinator is loading" as ERROR on every new broker): passed on as
 * debug. What matters comes to us as an error or an event and is told by those.
 */
export function kafkaClient({ brokers, ssl, sasl }: KafkaConnection, onLog: OnLog, retry: RetryOptions = RETRY): Kafka {
  patchKafkajs();
  registerCodecs();
  return new kafkajs.Kafka({
    clientId: 'crossdock',
    brokers: [...brokers],
    ssl,
    sasl: sasl && ({ ...sasl, password: revealed(sasl.password) } as SASLOptions),
    connectionTimeout: 5_000,
    requestTimeout: 15_000,
    retry,
    logLevel: kafkajs.logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log }) =>
        onLog('debug', `kafkajs ${namespace}: ${log.message}`),
  });
}

export function revealed(password: string | Secret): string {
  return typeof password === 'string' ? password : password.reveal();
}
