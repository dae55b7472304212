import { hash as digest } from 'node:crypto';
import type { Operation } from '#contracts';

/**
 * The request key: the document id, with what makes it another request appended. A repeat of the same request has the
 * same key.
 */
export function requestKey(of: {
  documentId: string;
  revision: number;
  operation: Operation;
  adopted: boolean;
}): string {
  const parts = [of.documentId];
  if (of.revision > 1) parts.push(`r${of.revision}`);
  if (of.operation === 'cancel') parts.push('cancel');
  else if (of.operation === 'reverse') parts.push('reversal');
  else if (of.adopted) parts.push('adopt');
  return parts.join(':');
}

export const hash = (text: string): string => digest('sha256', text, 'hex');

/** What "other bytes" means: another operation or another body. */
export const requestHash = (operation: Operation, body: string | null): string => hash(`${operation}\n${body ?? ''}`);
