import { z } from 'zod';

/**
 * What can go wrong on purpose. "Applies" means: the effect takes place and stands in the ledger.
 *
 * - `apply-and-never-answer` applies, then silence · `apply-late` applies after `afterMs`, whoever still listens
 * - `revoked` answers 401, the probe too, as long as the plan stands: our credentials count for nothing · `forbidden` the same with 403
 * - `hang` neither applies nor answers · `slow` waits `ms`, then all is normal
 * - `status` answers that status, without applying unless `apply` is set · `down`, `reset-before` cut the connection
 *   unread · `reset-after` applies, then cuts it · `garbage` applies, then 200 with what is no JSON · `truncated` applies,
 *   then half an answer
 */
const detailed = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('apply-and-never-answer') }),
  z.strictObject({ kind: z.literal('apply-late'), afterMs: z.number().int().min(0) }),
  z.strictObject({ kind: z.literal('hang') }),
  z.strictObject({ kind: z.literal('slow'), ms: z.number().int().min(0) }),
  z.strictObject({
    kind: z.literal('status'),
    status: z.number().int().min(200).max(599),
    retryAfter: z.union([z.number().int(), z.string()]).optional(),
    apply: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal('revoked') }),
  z.strictObject({ kind: z.literal('forbidden') }),
  z.strictObject({ kind: z.literal('down') }),
  z.strictObject({ kind: z.literal('reset-before') }),
  z.strictObject({ kind: z.literal('reset-after') }),
  z.strictObject({ kind: z.literal('garbage') }),
  z.strictObject({ kind: z.literal('truncated') }),
]);
/** A bare word is enough for what needs no details: `"effect": "down"`. */
const effect = z.preprocess((given) => (typeof given === 'string' ? { kind: given } : given), detailed);
export type FaultEffect = z.output<typeof effect>;

const pattern = () =>
  z.string().refine(
    (text) => {
      try {
        return new RegExp(text, 'u') instanceof RegExp;
      } catch {
        return false;
      }
    },
    { error: 'a regular expression' },
  );

const rule = z.strictObject({
  match: z
    .strictObject({
      system: z.enum(['erp', 'finance', 'crm']).optional(),
      method: z.enum(['GET', 'POST', 'PUT']).optional(),
      path: pattern().optional(),
      key: pattern().optional(),
    })
    .default({}),
  /** only the nth call that matches, counted from 1 */
  nth: z.number().int().min(1).optional(),
  /** at most so many calls */
  times: z.number().int().min(1).optional(),
  effect,
});

const plan = z.strictObject({
  rules: z.array(rule).default([]),
  /** every call takes at least this long, ms: how far away the system is, for benchmarks */
  latencyMs: z.number().min(0).default(0),
  /** the ERP answers 409 to a second order with a known external id; without it, it books a second one */
  uniqueOrders: z.boolean().default(false),
  /** months that the finance system has closed: it refuses entries dated in them */
  closedPeriods: z.array(z.string().regex(/^\d{4}-\d\d$/, 'a month such as 2026-03')).default([]),
  /** nobody listens for so long, ms: connections are refused, this plan's own calls included */
  refuseMs: z.number().int().min(1).max(600_000).optional(),
});
/** A plan, or just the list of its rules. */
export const FAULT_PLAN = z.preprocess((given) => (Array.isArray(given) ? { rules: given } : given), plan);
export type FaultPlanSettings = z.output<typeof FAULT_PLAN>;

export interface Call {
  system: 'erp' | 'finance' | 'crm';
  method: string;
  /** below the system, decoded by nobody */
  path: string;
  /** the sender's key of the record, empty where the call has none */
  key: string;
}

/** The rules in force; the first that matches and is not used up decides. */
export class FaultPlan {
  #settings = FAULT_PLAN.parse({});
  #used: { matched: number; applied: number }[] = [];

  replace(settings: FaultPlanSettings): void {
    this.#settings = settings;
    this.#used = settings.rules.map(() => ({ matched: 0, applied: 0 }));
  }

  get latencyMs(): number {
    return this.#settings.latencyMs;
  }

  get uniqueOrders(): boolean {
    return this.#settings.uniqueOrders;
  }

  /** Of an entry's date. */
  isClosed(date: string): boolean {
    return this.#settings.closedPeriods.includes(date.slice(0, 7));
  }

  take(call: Call): FaultEffect | undefined {
    for (const [index, { match, nth, times, effect: chosen }] of this.#settings.rules.entries()) {
      const used = this.#used[index]!;
      if (match.system !== undefined && match.system !== call.system) continue;
      if (match.method !== undefined && match.method !== call.method) continue;
      if (match.path !== undefined && !new RegExp(match.path, 'u').test(call.path)) continue;
      if (match.key !== undefined && !new RegExp(match.key, 'u').test(call.key)) continue;
      used.matched++;
      if (nth !== undefined && used.matched !== nth) continue;
      if (times !== undefined && used.applied >= times) continue;
      used.applied++;
      return chosen;
    }
    return undefined;
  }

  /** the plan with how often each rule matched and was applied */
  show(): object {
    const rules = this.#settings.rules.map((each, index) => ({ ...each, ...this.#used[index]! }));
    return { ...this.#settings, rules };
  }
}
