import { resolve } from 'node:path';
import { ConfigurationError, didYouMean, parseDuration, Secret, type Finding } from '#contracts';
import { packageRoot } from './paths.ts';

/** What a process takes from its environment. This file is the only one that reads `process.env`. */
export interface Environment {
  databaseUrl?: string;
  kafka?: KafkaEnvironment;
  schemaRegistryUrl?: string;
  /** folder with crossdock.yaml and optionally schemas/ */
  home: string;
  /** the user gave a home of his own */
  ownHome: boolean;
  data: string;
  host: string;
  port: number;
  metricsPort: number;
  /** how long a process that stops goes on answering after it has said that it is not ready, ms */
  drainMs: number;
  apiToken?: Secret;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  postgresPort?: number;
  sandbox: boolean;
  sandboxPort: number;
  /** what `{ env: NAME }` in crossdock.yaml reads */
  variable(name: string): string | undefined;
}

export interface KafkaEnvironment {
  brokers: string[];
  ssl: boolean;
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: Secret };
}

/** Every variable we read: the generated reference is made of this table. */
export const VARIABLES = {
  DATABASE_URL: 'PostgreSQL to use instead of the embedded one; stages apart from all-in-one need it',
  KAFKA_BROKERS: 'Kafka brokers, `host:port` separated by commas; without it the event log lives in PostgreSQL',
  KAFKA_SSL: '`true` to speak TLS to the brokers',
  KAFKA_SASL_MECHANISM: '`plain`, `scram-sha-256` or `scram-sha-512`',
  KAFKA_SASL_USERNAME: 'user of the brokers',
  KAFKA_SASL_PASSWORD: 'password of the brokers',
  SCHEMA_REGISTRY_URL: "a registry that speaks Confluent's REST API; without it the file registry in schemas/",
  CROSSDOCK_HOME: 'folder with crossdock.yaml and your own schemas/; default: the repository root',
  CROSSDOCK_DATA: 'folder for what the embedded servers and generated secrets keep; default: .crossdock',
  CROSSDOCK_PORT: 'port for webhooks, API and console; default 8080',
  CROSSDOCK_HOST: 'address to listen on; default 127.0.0.1; another one needs CROSSDOCK_API_TOKEN',
  CROSSDOCK_METRICS_PORT: 'port for /metrics, /livez, /readyz and /startupz; default 9464',
  CROSSDOCK_DRAIN:
    'how long a process that is told to stop still takes requests, so that balancers notice that it is not ready; default 0s, the Kubernetes layout sets 3s',
  CROSSDOCK_API_TOKEN: 'bearer token that the API asks for',
  CROSSDOCK_LOG_LEVEL: 'debug, info, warn, error or silent; default warn',
  CROSSDOCK_POSTGRES_PORT: 'port of the embedded PostgreSQL; default: a free one, kept',
  CROSSDOCK_SANDBOX:
    '`on` or `off`: the sandbox CRM, ERP and finance system; default on where CROSSDOCK_HOME is not set (the image sets it)',
  CROSSDOCK_SANDBOX_PORT: 'port of the sandbox; default 8090',
} as const;
type Variable = keyof typeof VARIABLES;

/** What is left of the 28 s that a stop may take is for the work in hand. */
const MOST_DRAIN_MS = 20_000;

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** Reads and checks it all; every mistake is named at once. Throws ConfigurationError. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const findings: Finding[] = [];
  const wrong = (name: string, message: string, suggestion?: string): void => {
    findings.push({ file: 'environment', line: 0, column: 0, message: `${name}: ${message}`, suggestion });
  };
  const text = (name: Variable): string | undefined => env[name]?.trim() || undefined;
  const oneOf = <T extends string>(name: Variable, words: readonly T[]): T | undefined => {
    const value = text(name);
    if (value === undefined || words.includes(value as T)) return value as T | undefined;
    wrong(name, `"${value}" is none of ${words.join(', ')}`, didYouMean(value, words));
    return undefined;
  };
  const port = (name: Variable): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
    wrong(name, `"${value}" is not a port number`);
    return undefined;
  };

  for (const name of Object.keys(env))
    if (name.startsWith('CROSSDOCK_') && !(name in VARIABLES))
      wrong(name, 'is not a setting of Crossdock', didYouMean(name, Object.keys(VARIABLES)));

  const drain = parseDuration(text('CROSSDOCK_DRAIN') ?? '0s');
  if (drain === undefined || drain > MOST_DRAIN_MS)
    wrong('CROSSDOCK_DRAIN', `"${text('CROSSDOCK_DRAIN')}" is not a duration of at most 20s`, 'write for example 5s');
  const host = text('CROSSDOCK_HOST') ?? '127.0.0.1';
  const apiToken = text('CROSSDOCK_API_TOKEN');
  if (!isLoopback(host) && !apiToken)
    wrong('CROSSDOCK_HOST', `${host} is not a loopback address and CROSSDOCK_API_TOKEN is not set`, 'set a token');
  const brokers = text('KAFKA_BROKERS')
    ?.split(',')
    .map((broker) => broker.trim())
    .filter(Boolean);
  for (const broker of brokers ?? [])
    if (!/^[^\s:]+:\d+$/.test(broker)) wrong('KAFKA_BROKERS', `"${broker}" is not host:port`);
  const mechanism = oneOf('KAFKA_SASL_MECHANISM', MECHANISMS);
  const username = text('KAFKA_SASL_USERNAME');
  const password = text('KAFKA_SASL_PASSWORD');
  if (mechanism && !(username && password))
    wrong('KAFKA_SASL_MECHANISM', 'needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD');
  const ssl = oneOf('KAFKA_SSL', ['true', 'false']) === 'true';
  const sandbox = oneOf('CROSSDOCK_SANDBOX', ['on', 'off']);
  const ownHome = text('CROSSDOCK_HOME') !== undefined;
  const environment: Environment = {
    databaseUrl: text('DATABASE_URL'),
    kafka: brokers?.length
      ? {
          brokers,
          ssl,
          sasl:
            mechanism && username && password
              ? { mechanism, username, password: new Secret(password, 'env KAFKA_SASL_PASSWORD') }
              : undefined,
        }
      : undefined,
    schemaRegistryUrl: text('SCHEMA_REGISTRY_URL'),
    home: resolve(text('CROSSDOCK_HOME') ?? packageRoot()),
    ownHome,
    data: resolve(text('CROSSDOCK_DATA') ?? '.crossdock'),
    host,
    port: port('CROSSDOCK_PORT') ?? 8080,
    metricsPort: port('CROSSDOCK_METRICS_PORT') ?? 9464,
    drainMs: drain ?? 0,
    apiToken: apiToken === undefined ? undefined : new Secret(apiToken, 'env CROSSDOCK_API_TOKEN'),
    logLevel: oneOf('CROSSDOCK_LOG_LEVEL', LEVELS) ?? 'warn',
    postgresPort: port('CROSSDOCK_POSTGRES_PORT'),
    sandbox: sandbox === undefined ? !ownHome : sandbox === 'on',
    sandboxPort: port('CROSSDOCK_SANDBOX_PORT') ?? 8090,
    variable: (name) => env[name],
  };
  if (findings.length > 0) throw new ConfigurationError(findings);
  return environment;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
