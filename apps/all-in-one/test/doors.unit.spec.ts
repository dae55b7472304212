import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '#platform';

/** A small house with one offence against each door, cruised with the project's own table. */
const root = packageRoot();
const OFFENCES: readonly (readonly [rule: string, file: string, text: string])[] = [
  ['libs-contracts', 'libs/contracts/src/a.ts', "import '#platform';"],
  ['libs-platform', 'libs/platform/src/a.ts', "import '#db';"],
  ['libs-db', 'libs/db/src/a.ts', "import '#schema';"],
  ['libs-http', 'libs/http/src/a.ts', "import '#schema';"],
  ['libs-outbox', 'libs/outbox/src/a.ts', "import '#event-log';"],
  ['libs-xref', 'libs/xref/src/a.ts', "import '#outbox';"],
  ['libs-event-log', 'libs/event-log/src/a.ts', "import '#outbox';"],
  ['libs-mapping', 'libs/mapping/src/a.ts', "import '#db';"],
  ['libs-schema', 'libs/schema/src/a.ts', "import '#http';"],
  ['libs-connectors', 'libs/connectors/src/a.ts', "import '#db';"],
  ['apps-capture', 'apps/capture/src/a.ts', "import '#event-log';"],
  ['apps-relay', 'apps/relay/src/a.ts', "import '#connectors';"],
  ['apps-mapper', 'apps/mapper/src/a.ts', "import '#db';"],
  ['apps-delivery', 'apps/delivery/src/a.ts', "import '#mapping';"],
  ['apps-console', 'apps/console/src/a.ts', "import '#event-log';"],
  ['apps-sandbox', 'apps/sandbox/src/a.ts', "import '#http';"],
  ['apps-mapper', 'apps/mapper/src/b.ts', "import '../../capture/src/b.ts';"],
  ['all-in-one', 'apps/all-in-one/src/a.ts', "import '#db';"],
  ['cli', 'apps/cli/src/a.ts', "import '../../capture/src/b.ts';"],
  ['testing-is-for-tests', 'apps/capture/src/c.ts', "import '#testing';"],
  ['front-door', 'apps/capture/src/d.ts', "import '../../../libs/db/src/inside.ts';"],
  ['no-cycle', 'libs/db/src/ring-a.ts', "import './ring-b.ts'; export const a = 1;"],
  ['no-unresolved', 'libs/db/src/lost.ts', "import './nowhere.ts';"],
  ['home-of-nest', 'libs/db/src/nest.ts', "import '@nestjs/common';"],
  ['contracts-import-nothing', 'libs/contracts/src/q.ts', "import 'zod';"],
  ['way-out', 'libs/connectors/src/r.ts', "import 'node:https';"],
  ['way-out', 'apps/mapper/src/s.ts', "import { connect } from 'node:net'; export const x = connect;"],
  ['home-of-@platformatic/kafka', 'apps/relay/src/t.ts', "import type { Producer } from '@platformatic/kafka';"],
  ['home-of-pg', 'apps/relay/src/u.ts', "export const lazy = () => import('pg');"],
  ['home-of-pg', 'apps/capture/src/e.ts', "import 'pg';"],
  ['home-of-typeorm', 'apps/capture/src/f.ts', "import 'typeorm';"],
  ['home-of-kafkajs', 'apps/mapper/src/g.ts', "import 'kafkajs';"],
  ['home-of-avsc', 'libs/mapping/src/h.ts', "import 'avsc';"],
  ['home-of-ajv', 'libs/mapping/src/i.ts', "import 'ajv';"],
  ['home-of-opossum', 'apps/delivery/src/j.ts', "import 'opossum';"],
  ['home-of-undici', 'apps/delivery/src/k.ts', "import 'undici';"],
  ['home-of-prom-client', 'apps/delivery/src/l.ts', "import 'prom-client';"],
  ['home-of-pino', 'apps/delivery/src/m.ts', "import 'pino';"],
  ['home-of-yaml', 'apps/capture/src/n.ts', "import 'yaml';"],
  ['home-of-re2js', 'apps/capture/src/o.ts', "import 're2js';"],
  ['home-of-decimal.js', 'apps/capture/src/p.ts', "import 'decimal.js';"],
];
const HELPERS: readonly (readonly [string, string])[] = [
  ['apps/capture/src/b.ts', 'export {};'],
  ['libs/db/src/inside.ts', 'export {};'],
  ['libs/db/src/ring-b.ts', "import './ring-a.ts'; export const b = 1;"],
];
const LIBS = [
  'contracts',
  'platform',
  'schema',
  'db',
  'http',
  'mapping',
  'outbox',
  'xref',
  'event-log',
  'connectors',
  'testing',
];

interface Violation {
  rule: { name: string };
  from: string;
}

describe('the doors of the house', () => {
  let house: string;
  let found: Violation[];
  beforeAll(() => {
    house = mkdtempSync(join(tmpdir(), 'crossdock-doors-'));
    const put = (file: string, text: string): void => {
      mkdirSync(dirname(join(house, file)), { recursive: true });
      writeFileSync(join(house, file), text);
    };
    for (const lib of LIBS) put(`libs/${lib}/src/index.ts`, 'export {};');
    for (const [file, text] of HELPERS) put(file, text);
    for (const [, file, text] of OFFENCES) put(file, text);
    for (const file of ['package.json', '.dependency-cruiser.mjs']) cpSync(join(root, file), join(house, file));
    symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
    const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const run = spawnSync(
      process.execPath,
      [cruiser, 'apps', 'libs', '--config', '.dependency-cruiser.mjs', '--output-type', 'json'],
      { cwd: house, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    );
    found = (JSON.parse(run.stdout) as { summary: { violations: Violation[] } }).summary.violations;
  }, 60_000);
  afterAll(() => rmSync(house, { recursive: true, force: true }));

  it.each(OFFENCES)('%s is held against %s', (rule, file) => {
    expect(found.filter((violation) => violation.from === file).map((violation) => violation.rule.name)).toContain(
      rule,
    );
  });

  it('lets one file read the environment', () => {
    const readers = ['apps', 'libs'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((file) => `${folder}/${file}`)
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !/^libs\/testing\/|\/test\//.test(file))
        .filter((file) =>
          /\bprocess\.env\b/.test(readFileSync(join(root, file), 'utf8').replace(/\/\*[^]*?\*\//g, '')),
        ),
    );
    expect(readers).toEqual(['libs/platform/src/environment.ts']);
  });
});
