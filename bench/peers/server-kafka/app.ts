// The application a NestJS user would write: one handler per event, as the documentation shows it, with a pooled HTTP client.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { Agent, request } from 'undici';

const [brokers = '', topic = '', group = '', url = '', atOnce = '1'] = process.argv.slice(2);
const dispatcher = new Agent({ connections: 256, pipelining: 1 });

@Controller()
class ErpController {
  @EventPattern(topic)
  async on(@Payload() customer: unknown): Promise<void> {
    const response = await request(`${url}/entries`, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(customer),
    });
    await response.body.dump();
    if (response.statusCode >= 300) throw new Error(`the ERP answered ${response.statusCode}`);
  }
}

@Module({ controllers: [ErpController] })
class App {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(App, {
  transport: Transport.KAFKA,
  logger: ['error', 'warn'],
  options: {
    client: { clientId: 'peer', brokers: brokers.split(',') },
    // a fetch of all twelve partitions fits into one answer: otherwise two or three of them wait for their turn
    consumer: { groupId: group, maxBytesPerPartition: 262_144 },
    subscribe: { fromBeginning: true },
    run: { partitionsConsumedConcurrently: Number(atOnce) },
  },
});
await app.listen();
