// The doors of the house: which room may import which. Two tables; the rules below are made from them, and the
// message of each names what the room may import.
const libs = {
  contracts: [],
  platform: ['contracts'],
  schema: ['contracts', 'platform'],
  db: ['contracts', 'platform'],
  http: ['contracts', 'platform'],
  mapping: ['contracts', 'schema'],
  outbox: ['contracts', 'db', 'schema'],
  xref: ['contracts', 'db'],
  'event-log': ['contracts', 'platform', 'db', 'schema'],
  connectors: ['contracts', 'http', 'schema'],
};
const apps = {
  capture: ['contracts', 'platform', 'db', 'outbox', 'schema', 'mapping', 'connectors'],
  relay: ['contracts', 'platform', 'db', 'outbox', 'event-log'],
  mapper: ['contracts', 'platform', 'event-log', 'schema', 'mapping'],
  delivery: ['contracts', 'platform', 'db', 'outbox', 'xref', 'event-log', 'schema', 'http', 'connectors'],
  console: ['contracts', 'platform', 'db', 'xref', 'schema', 'mapping'],
  sandbox: ['contracts', 'platform', 'db', 'outbox'],
};
// Each outside technology has one home.
const homes = {
  pg: ['libs/db'],
  typeorm: ['libs/db', 'apps/sandbox'],
  kafkajs: ['libs/event-log'],
  '@platformatic/kafka': ['libs/event-log'],
  avsc: ['libs/schema'],
  ajv: ['libs/schema'],
  opossum: ['libs/http'],
  undici: ['libs/http'],
  'prom-client': ['libs/platform'],
  pino: ['libs/platform'],
  yaml: ['libs/platform', 'libs/mapping'],
  re2js: ['libs/mapping'],
  'decimal.js': ['libs/mapping', 'libs/contracts'],
};
// Who speaks with the network by Node's own modules: the way out, the metrics server, free ports, the pretended targets, tests.
const sockets = ['libs/http', 'libs/platform', 'libs/event-log', 'libs/db', 'libs/testing', 'apps/sandbox'];
const spec = '\\.spec\\.ts$';
const list = (names) => names.join(', ') || 'nothing';
const room =
  (kind) =>
  ([name, may]) => ({
    name: `${kind}-${name}`,
    comment: `${kind}/${name} may import only: ${list(may)}`,
    severity: 'error',
    from: { path: `^${kind}/${name}/src/`, pathNot: spec },
    to: {
      path: '^(libs|apps)/',
      pathNot: [`^${kind}/${name}/`, ...(may.length ? [`^libs/(${may.join('|')})/`] : [])],
    },
  });
const home = ([tech, where]) => ({
  name: `home-of-${tech}`,
  comment: `${tech} may be imported only in ${list(where)}`,
  severity: 'error',
  from: { path: '^(libs|apps)/', pathNot: [spec, '^libs/testing/', ...where.map((folder) => `^${folder}/`)] },
  to: { path: `node_modules/${tech}/` },
});
export default {
  forbidden: [
    ...Object.entries(libs).map(room('libs')),
    ...Object.entries(apps).map(room('apps')),
    ...Object.entries(homes).map(home),
    {
      name: 'home-of-nest',
      comment: "@nestjs may be imported only in apps/, libs/platform and the outbox library's module",
      severity: 'error',
      from: {
        path: '^libs/',
        pathNot: [spec, '^libs/platform/', '^libs/testing/', '^libs/outbox/src/outbox\\.module\\.ts$'],
      },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'all-in-one',
      comment: "apps/all-in-one may import only: libs/platform, and the other apps' modules",
      severity: 'error',
      from: { path: '^apps/all-in-one/src/', pathNot: spec },
      to: {
        path: '^(apps|libs)/',
        pathNot: ['^apps/[^/]+/src/[^/]+\\.module\\.ts$', '^libs/platform/', '^apps/all-in-one/'],
      },
    },
    {
      name: 'cli',
      comment: 'apps/cli may import any lib; an app only by dynamic import',
      severity: 'error',
      from: { path: '^apps/cli/src/', pathNot: spec },
      to: { path: '^apps/', pathNot: '^apps/cli/', dynamic: false },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'libs/testing may be imported only by tests, benchmarks and apps/cli',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: [spec, '^libs/testing/', '^apps/cli/', '^apps/[^/]+/test/'] },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'front-door',
      comment: 'a lib is entered through its index.ts',
      severity: 'error',
      from: { path: '^(?:apps|libs)/([^/]+)/' },
      to: { path: '^libs/[^/]+/src/', pathNot: ['^libs/[^/]+/src/index\\.ts$', '^libs/$1/'] },
    },
    {
      name: 'contracts-import-nothing',
      comment: 'libs/contracts may import no package but decimal.js, for its money type',
      severity: 'error',
      from: { path: '^libs/contracts/src/', pathNot: spec },
      to: { path: 'node_modules/', pathNot: 'node_modules/decimal\\.js/' },
    },
    {
      name: 'way-out',
      comment: `a socket may be opened only in ${list(sockets)}: libs/http is the way out to other systems`,
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: [spec, '/test(ing)?/', ...sockets.map((folder) => `^${folder}/`)] },
      to: { path: '^(node:)?(http|https|http2|net|tls|dgram)$' },
    },
    { name: 'no-cycle', comment: 'no cycles at all', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolved',
      comment: 'an import that cannot be resolved',
      severity: 'error',
      from: { path: '^(libs|apps)/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
