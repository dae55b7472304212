import { setTimeout as wait } from 'node:timers/promises';
import { seeded, type SentEvent } from '#testing';
import { sendSigned } from '../support/crm.ts';
import { dataOf, documentsOf, keyOf, webhookIdOf, type Version } from './records.ts';

export interface Sender {
  hook: string;
  secret: string;
  /** sends these to be refused: signed with another secret */
  refused(version: Version): boolean;
  /** after how many unheard answers the CRM gives up on this version; Infinity: it goes on until it hears one */
  patience(version: Version): number;
}

const OTHER_SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

/** Sends the versions of one record one after the other, each until it is answered or given up. */
export async function sendRecord(
  sender: Sender,
  versions: readonly Version[],
  paceMs: number,
  seed: number,
): Promise<SentEvent[]> {
  const random = seeded(seed);
  const sent: SentEvent[] = [];
  for (const version of versions) {
    await wait(random.below(paceMs));
    const answer = await send(sender, version);
    sent.push({ key: keyOf(version), version: version.version, answer, documents: documentsOf(version) });
  }
  return sent;
}

/** Longer than a process needs to die at every crash point. */
const PATIENCE_MS = 600_000;

async function send(sender: Sender, version: Version): Promise<SentEvent['answer']> {
  const refused = sender.refused(version);
  const event = { id: webhookIdOf(version), type: `${version.entity}.updated`, data: dataOf(version) };
  const deadline = Date.now() + PATIENCE_MS;
  let unheard = 0;
  while (Date.now() < deadline) {
    const status = await sendSigned(sender.hook, refused ? OTHER_SECRET : sender.secret, event).then(
      (answer) => answer.status,
      () => undefined,
    );
    if (status === 200 || status === 202) return 'accepted';
    const early = status === 401 && !refused; // our clocks differ: later they may not
    if (status !== undefined && status < 500 && status !== 429 && !early) return 'refused';
    // a 503 says to come back, and does not say that nothing was kept
    if (++unheard >= sender.patience(version)) return 'unknown';
    await wait(100);
  }
  throw new Error(`${event.id} was not answered for ten minutes`);
}
