import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { LogBatch, LogProblem, StoredRecord } from '#contracts';
import { EventLogContext, EventLogStrategy, connectStrategy } from '#platform';
import type { BatchOutcome, HandlerOutcome } from '#platform';
import { clonedDatabase, eventually } from '#testing';
import type { ClonedDatabase } from '#testing';
import { PostgresEventLog } from './postgres/postgres-event-log.ts';

const MAPPER = Symbol('mapper');
const DELIVERY = Symbol('delivery');
const NOBODY = Symbol('nobody');
const seen = { orders: [] as string[], documents: [] as string[], failures: 1, retries: 1, batches: 0 };

@Controller()
class Handlers {
  @EventPattern<string>('crm.order.v1', MAPPER)
  order(@Payload() record: StoredRecord, @Ctx() context: EventLogContext): HandlerOutcome | undefined {
    const value = record.value!.toString();
    if (value === 'throws' && seen.failures-- > 0) throw new Error('the store is away');
    if (value === 'waits' && seen.retries-- > 0) return { outcome: 'retry', reason: 'not yet' };
    seen.orders.push(`${value} at ${record.offset} of ${context.batch.topic}`);
    return value === 'bad' ? { outcome: 'rejected', reason: 'no such order' } : undefined;
  }

  @EventPattern('documents', DELIVERY, { batch: true })
  async documents(batch: LogBatch): Promise<BatchOutcome> {
    seen.batches++;
    seen.documents.push(...batch.records.map((record) => `${batch.topic} ${record.value!.toString()}`));
    return batch.records.map((record) =>
      record.value!.toString() === 'bad'
        ? { outcome: 'rejected', reason: 'bad', stage: 'intake' }
        : { outcome: 'done' },
    );
  }
}

@Module({ controllers: [Handlers] })
class TestModule {}

describe('the Nest transport over the event log', () => {
  let postgres: ClonedDatabase;
  let log: PostgresEventLog;
  const problems: LogProblem[] = [];
  const onProblem = (problem: LogProblem): void => void problems.push(problem);
  const text = (topic: string, value: string) => ({ topic, key: 'k', value: Buffer.from(value), headers: {} });

  beforeAll(async () => {
    postgres = await clonedDatabase();
    log = new PostgresEventLog({ database: postgres.database });
    const base = { retentionMs: 3_600_000, maxMessageBytes: 10_000, writer: 'relay', key: '', value: '' } as const;
    await log.ensureTopics(
      ['crm.order.v1', 'erp.a.v1', 'erp.b.v1'].flatMap((name) => [
        { ...base, name, partitions: 2 },
        { ...base, name: `${name}.dead-letter`, partitions: 1 },
      ]),
    );
  });
  afterAll(async () => {
    await log?.close();
    await postgres?.close();
  });

  const start = async (...strategies: EventLogStrategy[]) => {
    const app = await NestFactory.create(TestModule, new FastifyAdapter(), { logger: false, abortOnError: false });
    for (const strategy of strategies) connectStrategy(app, strategy);
    await app.init();
    await app.startAllMicroservices();
    return app;
  };
  const deadLetters = async (topic: string, count: number): Promise<StoredRecord[]> => {
    const found: StoredRecord[] = [];
    const running = await log.subscribe({
      group: `reader of ${topic}`,
      topics: [`${topic}.dead-letter`],
      handle: async (batch) => void found.push(...batch.records),
    });
    await eventually(() => found.length >= count, 'dead letters');
    await running.stop();
    return found;
  };

  it('runs two strategies in one application, each with its own handlers; outcomes decide what becomes of a record', async () => {
    await log.append([text('crm.order.v1', 'good'), text('crm.order.v1', 'bad')]);
    await log.append([text('erp.a.v1', 'one'), text('erp.a.v1', 'bad'), text('erp.b.v1', 'two')]);
    const app = await start(
      new EventLogStrategy({ eventLog: log, transportId: MAPPER, group: 'mapper', onProblem }),
      new EventLogStrategy({
        eventLog: log,
        transportId: DELIVERY,
        group: 'delivery',
        topics: { documents: ['erp.a.v1', 'erp.b.v1'] },
        onProblem,
      }),
    );
    await eventually(() => seen.orders.length === 2 && seen.documents.length === 3, 'both handlers');
    expect(seen.orders).toEqual(['good at 0 of crm.order.v1', 'bad at 1 of crm.order.v1']);
    expect(seen.documents.sort()).toEqual(['erp.a.v1 bad', 'erp.a.v1 one', 'erp.b.v1 two']);
    expect(seen.batches).toBe(2);
    const [order] = await deadLetters('crm.order.v1', 1);
    expect(order!.headers).toMatchObject({ dl_reason: 'no such order', dl_stage: 'mapper', dl_offset: '1' });
    const [document] = await deadLetters('erp.a.v1', 1);
    expect(document!.headers).toMatchObject({ dl_reason: 'bad', dl_stage: 'intake' });
    expect(problems).toEqual([]);

    seen.orders.length = 0;
    await log.append([text('crm.order.v1', 'throws'), text('crm.order.v1', 'waits'), text('crm.order.v1', 'after')]);
    await eventually(() => seen.orders.some((order) => order.startsWith('after')), 'the batch after two repeats');
    expect(seen.orders.map((order) => order.split(' ')[0])).toEqual(['throws', 'throws', 'waits', 'after']);
    expect(problems.map((problem) => (problem.cause as Error).message)).toEqual([
      'the store is away',
      'the handler of crm.order.v1 answered retry at offset 3: not yet',
    ]);
    await app.close();
    expect((await log.lag('mapper', ['crm.order.v1'])).every((partition) => partition.lag === 0n)).toBe(true);
  });

  it('refuses to start when a topic would have no handler, or nobody handles anything', async () => {
    const topics = { documents: ['erp.a.v1'], orders: ['erp.b.v1'] };
    const forgotten = new EventLogStrategy({ eventLog: log, transportId: DELIVERY, group: 'delivery', topics });
    await expect(start(forgotten)).rejects.toMatchObject({
      code: 'CROSSDOCK_LOG_HANDLERS',
      message: expect.stringContaining('no handler takes the pattern orders'),
    });
    const idle = new EventLogStrategy({ eventLog: log, transportId: NOBODY, group: 'idle' });
    await expect(start(idle)).rejects.toMatchObject({ message: expect.stringContaining('there is no handler') });
  });
});
