// Three tiers by file name; `npm test` runs all, `npm run check` only the unit tier. `npm run promises` is a run of its own.
const project = (tier, extra = {}) => ({
  displayName: tier,
  testMatch: [`<rootDir>/{apps,libs,bench}/**/*.${tier}.spec.ts`],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2024',
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.crossdock/', '<rootDir>/.run/'],
  ...extra,
});

const postgres = {
  globalSetup: '<rootDir>/libs/testing/src/postgres/global-setup.mjs',
  globalTeardown: '<rootDir>/libs/testing/src/postgres/global-teardown.mjs',
};

export default {
  projects: [project('unit'), project('int', postgres), project('e2e', postgres), project('promises')],
  maxWorkers: 2,
  testSequencer: '<rootDir>/scripts/sequencer.mjs',
  testTimeout: 90_000,
};
