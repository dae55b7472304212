import { All, Body, Controller, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CRM_ENTITIES, crmTopic, documentTopic, RESULT_TOPIC, type Configuration } from '#contracts';
import { CONFIGURATION, Permission } from '#platform';
import { fileRegistry, registryApi, type RegistryApi, type SchemaSet } from '#schema';
import { Mappings } from '../mappings/mappings.ts';

const MOUNT = '/schema-registry';

/** The read side of Confluent's schema registry, so that any client of theirs decodes our topics. */
@Controller()
export class SchemaRegistryController {
  readonly #api: RegistryApi;

  constructor(@Inject(CONFIGURATION) configuration: Configuration, mappings: Mappings) {
    const { schemas } = mappings;
    this.#api = registryApi(schemas, fileRegistry(schemas), topicSchemas(configuration, schemas));
  }

  @All(['subjects', 'subjects/*', 'schemas/*', 'config', 'config/*', 'mode', 'schema-registry', 'schema-registry/*'])
  @Permission('schemas.read')
  async ask(
    @Req() request: FastifyRequest,
    @Body() body: Buffer | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const path = request.url.startsWith(MOUNT) ? request.url.slice(MOUNT.length) : request.url;
    const { status, body: answer } = await this.#api(request.method, path || '/', parsed(body));
    await reply.status(status).type('application/vnd.schemaregistry.v1+json').send(JSON.stringify(answer));
  }
}

/** Which schema the values of a topic have: events and results by rule, documents by their connection. */
export function topicSchemas(configuration: Configuration, schemas: SchemaSet): Map<string, string> {
  const topics = new Map<string, string>();
  for (const entity of CRM_ENTITIES) if (schemas.canonical(entity)) topics.set(crmTopic(entity), `canonical/${entity}`);
  topics.set(RESULT_TOPIC, 'envelope/sync-result');
  for (const { name, settings } of configuration.connections.values())
    for (const [document, { schema }] of Object.entries(documentsOf(settings)))
      if (typeof schema === 'string') topics.set(documentTopic(schema, name, document), schema);
  return topics;
}

/** The `documents` of a target connection's settings, as the file has them. */
function documentsOf(settings: unknown): Record<string, { schema?: unknown }> {
  if (typeof settings !== 'object' || settings === null || !('documents' in settings)) return {};
  return typeof settings.documents === 'object' && settings.documents !== null
    ? (settings.documents as Record<string, { schema?: unknown }>)
    : {};
}

function parsed(body: Buffer | undefined): unknown {
  if (body === undefined || body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined; // the registry answers that the schema is invalid
  }
}
