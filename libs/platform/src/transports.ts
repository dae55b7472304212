import type { CustomTransportStrategy } from '@nestjs/microservices';

/** Where a stage's module leaves its transport strategy, so that boot can connect it to the one Nest application. */
export class Transports {
  readonly strategies: CustomTransportStrategy[] = [];

  add<T extends CustomTransportStrategy>(strategy: T): T {
    this.strategies.push(strategy);
    return strategy;
  }
}
