import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, parse } from 'yaml';
import { packageRoot, VARIABLES } from '#platform';

/** No container engine runs in the tests: what can be known of the layouts without one is held here. */
const root = packageRoot();
const STAGES = ['capture', 'relay', 'mapper', 'delivery', 'console'];

interface Container {
  args: string[];
  securityContext: {
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[] };
  };
  resources: { requests: { memory: string }; limits: { memory: string } };
  startupProbe?: unknown;
  readinessProbe?: unknown;
  livenessProbe?: unknown;
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    template: {
      spec: {
        automountServiceAccountToken: boolean;
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

  it('gives each stage its probes and more time to stop than the stage takes', () => {
    for (const manifest of workloads.filter((workload) => workload.kind === 'Deployment')) {
      const pod = manifest.spec.template.spec;
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(30);
      const [container] = pod.containers;
      expect(container!.args).toEqual(['run', manifest.metadata.name]);
      expect([container!.startupProbe, container!.readinessProbe, container!.livenessProbe]).not.toContain(undefined);
    }
  });
});

interface Service {
  command?: string[];
  ports?: string[];
  environment?: Record<string, string>;
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

  it('publishes ports on the loopback address only', () => {
    for (const service of Object.values(compose.services))
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('has no default password and sets only variables that exist', () => {
    const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
    for (const [, name] of text.matchAll(/(?:PASSWORD|TOKEN): (\S+)/g)) expect(name).toMatch(/^\$\{\w+:\?/);
    for (const stage of STAGES)
      for (const name of Object.keys(compose.services[stage]!.environment ?? {}))
        expect(Object.keys(VARIABLES)).toContain(name);
  });
});
