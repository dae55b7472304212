import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, parse } from 'yaml';
import { METRICS, packageRoot, readEnvironment, VARIABLES } from '#platform';

/** No container engine runs in the tests: what can be known of the layouts without one is held here. */
const root = packageRoot();
const STAGES = ['capture', 'relay', 'mapper', 'delivery', 'console'];

interface Probe {
  periodSeconds: number;
  failureThreshold?: number;
}
interface Container {
  args: string[];
  securityContext: {
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[] };
  };
  resources: { requests: { memory: string }; limits: { memory: string } };
  startupProbe?: unknown;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    replicas?: number;
    template: {
      spec: {
        automountServiceAccountToken: boolean;
        enableServiceLinks?: boolean;
        terminationGracePeriodSeconds?: number;
        securityContext: { runAsNonRoot: boolean; seccompProfile: { type: string } };
        containers: Container[];
      };
    };
  };
}

const base = join(root, 'k8s/base');
const manifests = readdirSync(base)
  .filter((file) => file !== 'kustomization.yaml')
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(base, file), 'utf8')).map((document) => document.toJS() as Manifest),
  );
const workloads = manifests.filter((manifest) => manifest.kind === 'Deployment' || manifest.kind === 'Job');

describe('the Kubernetes layout', () => {
  it('has one deployment for each stage, a migration job, and lists every file', () => {
    expect(workloads.map((manifest) => manifest.metadata.name).sort()).toEqual([...STAGES, 'migrate'].sort());
    const listed = (parse(readFileSync(join(base, 'kustomization.yaml'), 'utf8')) as { resources: string[] }).resources;
    expect([...listed, 'kustomization.yaml'].sort()).toEqual(readdirSync(base).sort());
  });

  it.each(workloads.map((manifest) => [manifest.metadata.name, manifest] as const))(
    '%s passes the restricted profile and is bounded',
    (_, manifest) => {
      const pod = manifest.spec.template.spec;
      expect(pod.securityContext.runAsNonRoot).toBe(true);
      expect(pod.securityContext.seccompProfile.type).toBe('RuntimeDefault');
      expect(pod.automountServiceAccountToken).toBe(false);
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.limits.memory).toMatch(/Mi$/);
      }
    },
  );

  // they are variables by the names of services, CROSSDOCK_RW_SERVICE_HOST of `crossdock-rw`: a setting that no stage knows
  it.each(workloads.map((manifest) => [manifest.metadata.name, manifest] as const))(
    '%s starts beside whatever services are in its namespace',
    (_, manifest) => expect(manifest.spec.template.spec.enableServiceLinks).toBe(false),
  );

  it('gives each stage its probes and more time to stop than the stage takes', () => {
    for (const manifest of workloads.filter((workload) => workload.kind === 'Deployment')) {
      const pod = manifest.spec.template.spec;
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(30);
      const [container] = pod.containers;
      expect(container!.args).toEqual(['run', manifest.metadata.name]);
      // the balancers hear of it first; then comes SIGTERM, and both fit into the grace period
      const seconds = container!.lifecycle!.preStop!.sleep!.seconds;
      expect(seconds).toBeGreaterThan(0);
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(28 + seconds);
      expect(manifest.spec.replicas).toBeGreaterThan(1);
      expect([container!.startupProbe, container!.readinessProbe, container!.livenessProbe]).not.toContain(undefined);
    }
  });

  it('takes a stage that does not answer out of the traffic long before it starts it anew', () => {
    const seconds = ({ periodSeconds, failureThreshold = 3 }: Probe): number => periodSeconds * failureThreshold;
    for (const manifest of workloads.filter((workload) => workload.kind === 'Deployment')) {
      const { readinessProbe, livenessProbe } = manifest.spec.template.spec.containers[0]!;
      expect(seconds(readinessProbe!)).toBeLessThan(seconds(livenessProbe!) / 2);
      expect(seconds(livenessProbe!)).toBeGreaterThanOrEqual(30); // an event loop that is blocked for seconds goes on
    }
  });
});

interface Service {
  deploy?: { replicas: number };
  network_mode?: string;
  command?: string[];
  ports?: string[];
  environment?: Record<string, string>;
  stop_grace_period?: string;
}
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};

describe('the compose layout', () => {
  it('runs every stage, the sandbox, PostgreSQL, Kafka and Prometheus', () => {
    for (const name of [...STAGES, 'sandbox', 'migrate', 'postgres', 'kafka', 'prometheus'])
      expect(Object.keys(compose.services)).toContain(name);
    for (const stage of [...STAGES, 'sandbox']) expect(compose.services[stage]!.command).toEqual(['run', stage]);
  });

  it('runs several of each stage that works on what comes in', () => {
    for (const stage of ['capture', 'relay', 'mapper'])
      expect(compose.services[stage]!.deploy!.replicas).toBeGreaterThan(1);
    const deliveries = Object.values(compose.services).filter(({ command }) => command?.join(' ') === 'run delivery');
    expect(deliveries).toHaveLength(2);
    // a port for each replica
    expect(compose.services['capture']!.ports).toEqual(['127.0.0.1:8081-8082:8080']);
  });

  it('gives each stage as long to stop as Kubernetes does', () => {
    const pods = workloads.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec.template.spec);
    const longest = Math.max(...pods.map(({ terminationGracePeriodSeconds = 30 }) => terminationGracePeriodSeconds));
    const stages = Object.entries(compose.services).filter(([, { command }]) => command?.[0] === 'run');
    expect(stages.length).toBeGreaterThan(STAGES.length);
    for (const [name, { stop_grace_period }] of stages)
      expect([name, stop_grace_period]).toEqual([name, `${longest}s`]);
  });

  it('publishes ports on the loopback address only', () => {
    for (const service of Object.values(compose.services))
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('has the sandbox, in which the targets of the configuration are that it mounts', () => {
    expect(readFileSync(join(root, 'crossdock.yaml'), 'utf8')).toContain('baseUrl: sandbox:');
    const image = readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/(CROSSDOCK_\w+)=(\S+)/g);
    const ofImage = Object.fromEntries([...image].map(([, name, value]) => [name, value]));
    expect(ofImage).toHaveProperty('CROSSDOCK_HOME');
    for (const stage of STAGES) {
      const { sandbox } = readEnvironment({ ...ofImage, ...compose.services[stage]!.environment });
      expect([stage, sandbox]).toEqual([stage, true]);
    }
  });

  it('has no default password and sets only variables that exist', () => {
    const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
    for (const [, name] of text.matchAll(/(?:PASSWORD|TOKEN): (\S+)/g)) expect(name).toMatch(/^\$\{\w+:\?/);
    for (const stage of STAGES)
      for (const name of Object.keys(compose.services[stage]!.environment ?? {}))
        expect(Object.keys(VARIABLES)).toContain(name);
  });
});

describe('the alert rules', () => {
  const rules = readFileSync(join(root, 'k8s/monitoring/alerts.yml'), 'utf8');

  it('use only metrics that exist', () => {
    const known = new Set<string>(Object.values(METRICS).map(({ name }) => name));
    const used = [...new Set(rules.match(/crossdock_\w+/g))];
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  it('fire, do not fire and resolve as their unit tests say', () => {
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml', 'alerts.days.test.yml'],
    ]) {
      const promtool = spawnSync('promtool', args, { cwd: join(root, 'k8s/monitoring'), encoding: 'utf8' });
      // promtool comes with Prometheus; where it is not installed only the names above were tested
      if (!promtool.error) expect(`${promtool.status} ${promtool.stdout}${promtool.stderr}`).toMatch(/^0 /);
    }
  });

  it('each point to a section of the guide that says whether data is at risk', () => {
    const guide = readFileSync(join(root, 'docs/guides/operate.md'), 'utf8');
    const sections = new Map(
      guide.split(/^## /m).map((section) => {
        const [title] = section.split('\n');
        return [
          title!
            .toLowerCase()
            .replace(/[^a-z0-9 -]/g, '')
            .replaceAll(' ', '-'),
          section,
        ];
      }),
    );
    for (const [, anchor] of rules.matchAll(/runbook: docs\/guides\/operate\.md#(\S+)/g))
      expect([anchor, sections.get(anchor!)]).toEqual([anchor, expect.stringContaining('**Is data at risk?** ')]);
  });
});
