import { hash } from './request.ts';

/** What makes one revision of a document another than the next: sha256 in hex over all that decides what is sent. Lists are JSON text. */
export const contentHashOf = (of: {
  kind: string;
  body: string | null;
  open: string;
  createOnly: string;
  review: string | null;
}): string => hash([of.kind, of.body ?? '', of.open, of.createOnly, of.review ?? ''].join('\n'));
