import type { INestApplication } from '@nestjs/common';
import { NestMicroservice } from '@nestjs/microservices';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import { HandlerErrorsFilter } from './handler-errors.filter.ts';

/**
 * Connects a transport to an application with our error filter in place. `connectMicroservice` alone registers the
 * handlers before a filter can be set, and deferring that runs every init hook twice; so its three steps are done here.
 */
export function connectStrategy(app: INestApplication, strategy: CustomTransportStrategy): void {
  const microservice = app.connectMicroservice({ strategy }, { deferInitialization: true });
  if (!(microservice instanceof NestMicroservice)) throw new Error('NestJS connected something else');
  microservice.useGlobalFilters(new HandlerErrorsFilter());
  microservice.registerListeners();
  microservice.setIsInitialized(true);
  microservice.setIsInitHookCalled(true);
}
