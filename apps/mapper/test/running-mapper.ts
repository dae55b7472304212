import { crmTopic, envelopeToHeaders, type LogRecord } from '#contracts';
import { boot, Health, Metrics, parseConfiguration, readEnvironment, type RunningApp } from '#platform';
import { parseExactJson, type AvroRecord, type AvroSchema } from '#schema';
import { MapperModule } from '../src/mapper.module.ts';

/** The real MapperModule with this `crossdock.yaml`, on a port of its own. */
export function runningMapper(
  crossdockYaml: string,
  options: { url: string; roots: string[]; metrics?: Metrics; variables?: Record<string, string> },
): Promise<RunningApp> {
  const environment = readEnvironment({
    DATABASE_URL: options.url,
    CROSSDOCK_METRICS_PORT: '0',
    CROSSDOCK_LOG_LEVEL: 'silent',
    ...options.variables,
  });
  const sources = { home: '/', data: '/', variable: () => undefined };
  const configuration = parseConfiguration('crossdock.yaml', crossdockYaml, sources);
  const metrics = options.metrics ?? new Metrics();
  return boot({
    module: MapperModule,
    runtime: { environment, configuration, schemaRoots: options.roots, metrics, health: new Health() },
  });
}

/** Customer c1 of connection `crm`, as its capture would publish it; `encode` frames the record. */
export async function customerUpdated(
  schema: AvroSchema,
  more: object,
  encode: (record: AvroRecord) => Buffer | Promise<Buffer>,
): Promise<LogRecord> {
  const data = { id: 'c1', name: 'Acme', kind: 'COMPANY', status: 'ACTIVE', ...more };
  const read = schema.fromJson(parseExactJson(JSON.stringify(data)), { zone: 'UTC', idPrefix: '' });
  if (!read.ok) throw new Error(read.message);
  const key = 'acme:customer:c1';
  const headers = envelopeToHeaders({
    id: '00000000-0000-5000-8000-000000000001',
    source: 'crm',
    type: 'crm.customer.updated',
    subject: 'c1',
    time: '2026-11-24T00:00:00.000Z',
    dataschema: schema.name,
    tenant: 'acme',
    partitionkey: key,
    aggregateversion: 1n,
    correlationid: 'c',
    hopcount: 0,
  });
  return { topic: crmTopic('customer'), key, value: await encode(read.record), headers };
}
