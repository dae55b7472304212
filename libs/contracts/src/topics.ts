/** How a topic is declared: made by us at start-up, checked for drift, never auto-created. */
export interface TopicDeclaration {
  name: string;
  partitions: number;
  /** milliseconds */
  retentionMs: number;
  /** bytes; the largest record the topic takes */
  maxMessageBytes: number;
  /** the one stage that writes it */
  writer: 'relay' | 'mapper' | 'delivery' | 'event-log';
  /** what the record's key is */
  key: string;
  /** what the record's value is */
  value: string;
}

const DAY = 86_400_000;
const MAX_MESSAGE_BYTES = 2 * 1024 * 1024; // twice what capture takes in, framing and headers included
const PARTITIONS = 12;

/** Canonical entities that travel from the CRM. Each has `schemas/canonical/<entity>.avsc` and a topic of its own. */
export const CRM_ENTITIES = ['customer', 'contact', 'product', 'order'] as const;
export type CrmEntity = (typeof CRM_ENTITIES)[number];

export const RESULT_TOPIC = 'sync.result.v1';
/** What a flow on results is `on` (`sync.result`), and what results are called in ids and the outbox. */
export const RESULT_ENTITY = 'sync-result';
/** Types of results begin like this; those of a source's events always with `crm.`. */
export const RESULT_TYPE = 'sync.result.';
export const UNROUTED_TOPIC = 'sync.unrouted.v1';
const DEAD_LETTER = '.dead-letter';

export const crmTopic = (entity: string): string => `crm.${entity}.v1`;
export const deadLetterTopic = (topic: string): string => topic + DEAD_LETTER;

/** `<first part of the document's schema>.<connection>.<document-in-kebab-case>.v1`, e.g. `erp.main-erp.sales-order.v1`. */
export function documentTopic(schema: string, connection: string, document: string): string {
  const area = schema.split('/')[0]!;
  const kebab = document.replace(/[A-Z]/g, (letter, at: number) => (at > 0 ? '-' : '') + letter.toLowerCase());
  return `${area}.${connection}.${kebab}.v1`;
}

/** What a target connection's document type needs of the table: its schema, e.g. `erp/sales-order`. */
export interface DocumentTopicInput {
  schema: string;
  connection: string;
  document: string;
}

/** The whole table: the fixed topics, one per document type of each target connection, and a dead-letter topic for each. */
export function declareTopics(documents: readonly DocumentTopicInput[]): TopicDeclaration[] {
  const base = { partitions: PARTITIONS, retentionMs: 28 * DAY, maxMessageBytes: MAX_MESSAGE_BYTES };
  const main: TopicDeclaration[] = [
    ...CRM_ENTITIES.map((entity) => ({
      ...base,
      name: crmTopic(entity),
      writer: 'relay' as const,
      key: 'record key',
      value: `Avro canonical/${entity}`,
    })),
    { ...base, name: RESULT_TOPIC, writer: 'relay', key: 'record key', value: 'Avro envelope/sync-result' },
    { ...base, name: UNROUTED_TOPIC, writer: 'mapper', key: 'record key', value: 'none' },
    ...documents.map((document) => ({
      ...base,
      name: documentTopic(document.schema, document.connection, document.document),
      writer: 'mapper' as const,
      key: 'record key',
      value: `JSON ${document.schema}`,
    })),
  ];
  const unique = [...new Map(main.map((topic) => [topic.name, topic])).values()];
  return unique.flatMap((topic) => [
    topic,
    {
      ...topic,
      name: deadLetterTopic(topic.name),
      partitions: 1,
      retentionMs: 400 * DAY,
      writer: 'event-log' as const,
      value: 'original bytes',
    },
  ]);
}
