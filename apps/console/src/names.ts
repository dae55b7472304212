import { Inject, Injectable } from '@nestjs/common';
import { CRM_ENTITIES, didYouMean, RESULT_ENTITY, type Configuration, type Connection, type Flow } from '#contracts';
import { CONFIGURATION, ProblemError } from '#platform';

/** The names a caller may use: an unknown one is answered with 404 and the nearest that exists. */
@Injectable()
export class Names {
  readonly configuration: Configuration;
  readonly entities: readonly string[];

  constructor(@Inject(CONFIGURATION) configuration: Configuration) {
    this.configuration = configuration;
    const entities = new Set<string>([
      ...CRM_ENTITIES,
      ...[...configuration.flows.values()].map((flow) => flow.entity),
    ]);
    entities.delete(RESULT_ENTITY); // results are about records, and no records themselves
    this.entities = [...entities];
  }

  flow(name: string): Flow {
    return this.configuration.flows.get(name) ?? unknown('flow', name, this.configuration.flows.keys());
  }

  connection(name: string): Connection {
    return (
      this.configuration.connections.get(name) ?? unknown('connection', name, this.configuration.connections.keys())
    );
  }

  target(name: string): Connection {
    const targets = [...this.configuration.connections.values()].filter(({ side }) => side === 'target');
    return (
      targets.find((target) => target.name === name) ??
      unknown(
        'target',
        name,
        targets.map((target) => target.name),
      )
    );
  }

  entity(name: string): string {
    return this.entities.includes(name) ? name : unknown('entity', name, this.entities);
  }

  /** Record ids that a person may mean by `id`: as it stands, and with each prefix of a source. */
  candidates(id: string): string[] {
    const prefixes = [...this.configuration.connections.values()]
      .filter(({ side }) => side === 'source')
      .map(({ idPrefix }) => idPrefix);
    return [...new Set(['', ...prefixes].map((prefix) => prefix + id))];
  }
}

function unknown(kind: 'flow' | 'connection' | 'target' | 'entity', name: string, known: Iterable<string>): never {
  const names = [...known];
  const hint = didYouMean(name, names) ?? `there are: ${names.join(', ')}`;
  throw new ProblemError(404, `CROSSDOCK_API_UNKNOWN_${kind.toUpperCase()}`, `there is no ${kind} "${name}"; ${hint}`);
}
