import { setTimeout as wait } from 'node:timers/promises';
import type { Seeded } from '#testing';
import type { World } from './world.ts';

/** One kind of harm. What it does to the targets is a plan of theirs; what it does to the rest it does until `calm`. */
export interface Trouble {
  name: string;
  /** of the fault matrix: what it makes by itself, all in one process */
  rows: string;
  /** the same where there are two of a stage, if those are others */
  rowsApart?: string;
  plan?(random: Seeded, hungKey: string): object[];
  /** resolves with what it did, in order */
  disturb?(world: World, random: Seeded, calm: AbortSignal): Promise<string[]>;
  /** does its harm and heals it again, while traffic goes on for as long as it takes; throws when the product did what it should not */
  meanwhile?(world: World, random: Seeded): Promise<string[]>;
  /** some of what was sent is not answered: in tier C a person has to look */
  losesAnswers?: boolean;
  /** the CRM gives up on some of what it does not hear answered */
  crmGivesUp?: boolean;
}

/** Does one thing after the other, the `n`th from 0, each after a pause (ms), until it is calm; resolves with what it did, in order. */
export async function untilCalm(
  calm: AbortSignal,
  pauseMs: (n: number) => number,
  act: (n: number) => Promise<string>,
): Promise<string[]> {
  const did: string[] = [];
  for (let n = 0; ; n++) {
    await wait(pauseMs(n), undefined, { signal: calm }).catch(() => {});
    if (calm.aborted) return did;
    did.push(await act(n));
  }
}
