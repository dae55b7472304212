import { hash as digest } from 'node:crypto';
import type { Operation } from '#contracts';

export const hash = (text: string): string => digest('sha256', text, 'hex');

/** What "other bytes" means: another operation or another body. */
export const requestHash = (operation: Operation, body: string | null): string => hash(`${operation}\n${body ?? ''}`);
