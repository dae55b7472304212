import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { CONTROLLERS } from './console.module.ts';

describe('the routes of the console', () => {
  it('each declare the permission they need', () => {
    const routes = CONTROLLERS.flatMap((controller) =>
      Object.getOwnPropertyNames(controller.prototype)
        .filter((name) => name !== 'constructor')
        .map((name) => ({ name: `${controller.name}.${name}`, handler: handlerOf(controller.prototype, name) }))
        .filter(({ handler }) => handler !== undefined && Reflect.hasMetadata('path', handler)),
    );
    expect(routes.length).toBeGreaterThan(20);
    const open = routes.filter(({ handler }) => !Reflect.hasMetadata('crossdock:permission', handler!));
    expect(open.map(({ name }) => name)).toEqual([]);
  });
});

function handlerOf(prototype: object, name: string): object | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
  return typeof value === 'function' ? value : undefined;
}
