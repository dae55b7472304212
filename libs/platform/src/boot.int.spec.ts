import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, Post, Body } from '@nestjs/common';
import { Agent, get, type IncomingMessage } from 'node:http';
import { boot, type RunningApp } from './boot.ts';
import { parseConfiguration } from './configuration/load.ts';
import { readEnvironment } from './environment.ts';
import { Health } from './health.ts';
import { Permission } from './http/permission.ts';
import { ProblemError } from './http/problem.ts';
import { Metrics } from './metrics/metrics.ts';
import { METRICS } from './metrics/table.ts';

@Controller('things')
class ThingsController {
  @Get('open')
  @Permission('public')
  open(): string {
    return 'open';
  }

  @Get('closed')
  @Permission('status.read')
  closed(): string {
    return 'closed';
  }

  @Get('forgotten')
  forgotten(): string {
    return 'nobody may see this';
  }

  @Get('broken')
  @Permission('public')
  broken(): never {
    throw new Error('a detail that must stay inside');
  }

  @Get('refused')
  @Permission('public')
  refused(): never {
    throw new ProblemError(409, 'CROSSDOCK_TEST_CONFLICT', 'this is known already', { known: 1 });
  }

  @Post('bytes')
  @Permission('public')
  bytes(@Body() body: Buffer): { bytes: number } {
    return { bytes: body.length };
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

describe('a booted stage that stops', () => {
  it('says that it is not ready, answers on while others notice, tells them to close, and is gone', async () => {
    const environment = readEnvironment({
      CROSSDOCK_PORT: '0',
      CROSSDOCK_METRICS_PORT: '0',
      CROSSDOCK_LOG_LEVEL: 'silent',
      CROSSDOCK_DRAIN: '2s',
    });
    const sources = { home: '/', data: '/', variable: () => undefined };
    const configuration = parseConfiguration('crossdock.yaml', 'version: 1\ntenant: t\nconnections: {}\n', sources);
    const runtime = { environment, configuration, schemaRoots: [], metrics: new Metrics(), health: new Health() };
    const stopping = await boot({ module: ThingsModule, http: true, runtime });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const request = get(`${stopping.url}/things/open`, { agent }, (answer) => resolve(answer.resume()));
        request.on('error', reject);
      });
    expect((await ask()).headers.connection).toBe('keep-alive');
    const closed = stopping.close();
    expect((await fetch(`${stopping.metricsUrl}/readyz`)).status).toBe(503);
    const last = await ask();
    expect([last.statusCode, last.headers.connection]).toEqual([200, 'close']);
    await closed;
    await expect(ask()).rejects.toThrow('ECONNREFUSED');
    agent.destroy();
  });
});

describe('a booted stage', () => {
  const health = new Health();
  let running: RunningApp;
  beforeAll(async () => {
    const environment = readEnvironment({
      CROSSDOCK_PORT: '0',
      CROSSDOCK_METRICS_PORT: '0',
      CROSSDOCK_API_TOKEN: 'token',
      CROSSDOCK_LOG_LEVEL: 'silent',
    });
    const sources = { home: '/', data: '/', variable: () => undefined };
    const configuration = parseConfiguration('crossdock.yaml', 'version: 1\ntenant: t\nconnections: {}\n', sources);
    running = await boot({
      module: ThingsModule,
      http: true,
      runtime: { environment, configuration, schemaRoots: [], metrics: new Metrics(), health },
    });
  });
  afterAll(() => running.close());

  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${running.url}/things/${path}`, { headers });

  it('asks for the token wherever a route does not prove its caller otherwise', async () => {
    expect((await ask('open')).status).toBe(200);
    const refused = await ask('closed');
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ code: 'CROSSDOCK_API_UNAUTHORISED' });
    expect((await ask('closed', { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await ask('closed', { authorization: 'Bearer token' })).status).toBe(200);
  });

  it('keeps a route closed that declares no permission', async () => {
    const answer = await ask('forgotten', { authorization: 'Bearer token' });
    expect(answer.status).toBe(403);
    expect(await answer.text()).not.toContain('nobody may see this');
  });

  it('answers errors as problem documents, and a fault of ours without its details', async () => {
    const refused = await ask('refused');
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(await refused.json()).toMatchObject({ status: 409, code: 'CROSSDOCK_TEST_CONFLICT', known: 1 });
    const broken = await ask('broken');
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain('a detail');
    expect(await (await ask('nowhere')).json()).toMatchObject({ status: 404, code: 'CROSSDOCK_API_NO_ROUTE' });
  });

  it('answers a path that cannot be read as a problem document that echoes nothing', async () => {
    const answer = await fetch(`${running.url}/things/%ff-secret`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.text()).not.toContain('secret');
  });

  it('hands bodies over as the bytes they came as, whatever they claim to be', async () => {
    for (const type of ['application/json', 'text/plain', 'application/cloudevents+json; charset=utf-8']) {
      const sent = await fetch(`${running.url}/things/bytes`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: '{"a":1,"a":2}',
      });
      expect(await sent.json()).toEqual({ bytes: 13 });
    }
  });

  it('is ready only while what it needs is there', async () => {
    const ready = () => fetch(`${running.metricsUrl}/readyz`);
    expect((await ready()).status).toBe(200);
    health.register('ledger', () => Promise.reject(new Error('is away')));
    const answer = await ready();
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ ready: false, checks: { ledger: 'is away' } });
    health.register('ledger', () => Promise.resolve());
    expect((await ready()).status).toBe(200);
    expect((await fetch(`${running.metricsUrl}/livez`)).status).toBe(200);
    expect((await fetch(`${running.metricsUrl}/startupz`)).status).toBe(200);
  });

  it('exports every metric of the table', async () => {
    const text = await (await fetch(`${running.metricsUrl}/metrics`)).text();
    for (const { name, type } of Object.values(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}`);
  });

  it('says which setting to change when its port is taken', async () => {
    const taken = Number(new URL(running.url!).port);
    const environment = readEnvironment({ CROSSDOCK_PORT: String(taken), CROSSDOCK_METRICS_PORT: '0' });
    const sources = { home: '/', data: '/', variable: () => undefined };
    const configuration = parseConfiguration('crossdock.yaml', 'version: 1\ntenant: t\nconnections: {}\n', sources);
    const runtime = { environment, configuration, schemaRoots: [], metrics: new Metrics(), health: new Health() };
    await expect(boot({ module: ThingsModule, http: true, runtime })).rejects.toThrow(
      `127.0.0.1:${taken} is taken: free it or set CROSSDOCK_PORT to another`,
    );
  });
});
