import { timingSafeEqual } from 'node:crypto';
import type { Verified } from '#contracts';

/** More than any rotation needs, few enough that nobody makes us hash all day. */
const MAX_PRESENTED = 16;

/**
 * Whether one of the presented texts equals one of the expected. All pairs are compared, each in constant time, so the
 * time taken says nothing about which was close. Texts of another length cannot be equal and their length is no secret.
 */
export function anyEqual(presented: readonly string[], expected: readonly string[]): boolean {
  let equal = false;
  for (const given of presented.slice(0, MAX_PRESENTED)) {
    const left = Buffer.from(given);
    for (const wanted of expected) {
      const right = Buffer.from(wanted);
      if (left.length === right.length && timingSafeEqual(left, right)) equal = true;
    }
  }
  return equal;
}

/** Whole seconds on both sides, as the senders' own libraries count: off by exactly the tolerance still passes. */
export function checkFreshness(sentAtMs: number, now: Date, toleranceMs: number): Verified {
  const apart = Math.floor(now.getTime() / 1000) - Math.floor(sentAtMs / 1000);
  const tolerance = toleranceMs / 1000;
  if (apart > tolerance) return refuse('STALE', 'the timestamp is too old: sign each attempt anew');
  if (apart < -tolerance) return refuse('FUTURE', "the timestamp is in the future: check the sender's clock");
  return { ok: true };
}

export function refuse(
  code: 'SIGNATURE' | 'SIGNATURE_MISSING' | 'STALE' | 'FUTURE' | 'TIMESTAMP' | 'NOT_LOOPBACK',
  detail: string,
): Verified {
  return { ok: false, code: `CROSSDOCK_CAPTURE_${code}`, detail };
}
