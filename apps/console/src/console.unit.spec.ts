import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { ROUTES } from './api/reference.ts';
import { CONTROLLERS } from './console.module.ts';

const PERMISSION = 'crossdock:permission';

/** Every handler that Nest would make a route of, from the decorators. */
const routes = CONTROLLERS.flatMap((controller) => {
  const base: unknown = Reflect.getMetadata('path', controller);
  return Object.getOwnPropertyNames(controller.prototype)
    .filter((name) => name !== 'constructor')
    .map((name) => ({ name, handler: handlerOf(controller.prototype, name) }))
    .filter(({ handler }) => handler !== undefined && Reflect.hasMetadata('path', handler))
    .flatMap(({ name, handler }) => {
      const paths: unknown = Reflect.getMetadata('path', handler!);
      const method = RequestMethod[Reflect.getMetadata('method', handler!) as number]!;
      return (Array.isArray(paths) ? paths : [paths]).map((path) => ({
        name: `${controller.name}.${name}`,
        route: `${method} ${['', base, path]
          .filter((part) => part !== '/')
          .join('/')
          .replaceAll('//', '/')}`,
        permission: Reflect.getMetadata(PERMISSION, handler!) as string | undefined,
      }));
    });
});

describe('the routes of the console', () => {
  it('each declare the permission they need', () => {
    expect(routes.length).toBeGreaterThan(20);
    expect(routes.filter(({ permission }) => permission === undefined)).toEqual([]);
  });

  it('are the ones the reference lists', () => {
    const real = routes.map(({ route, permission }) => `${route} ${permission}`).toSorted();
    const told = ROUTES.map(({ method, path, permission }) => `${method} ${path} ${permission}`).toSorted();
    expect(told).toEqual(real);
  });
});

function handlerOf(prototype: object, name: string): object | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
  return typeof value === 'function' ? value : undefined;
}
