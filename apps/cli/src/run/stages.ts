import type { RunningApp, Runtime } from '#platform';

type Start = (runtime: Runtime) => Promise<RunningApp>;

/** The processes there are. Each is imported only when it is started. */
export const STAGES = {
  capture: async (): Promise<Start> => (await import('../../../capture/src/main.ts')).start,
  relay: async (): Promise<Start> => (await import('../../../relay/src/main.ts')).start,
  mapper: async (): Promise<Start> => (await import('../../../mapper/src/main.ts')).start,
  delivery: async (): Promise<Start> => (await import('../../../delivery/src/main.ts')).start,
  console: async (): Promise<Start> => (await import('../../../console/src/main.ts')).start,
  sandbox: async (): Promise<Start> => (await import('../../../sandbox/src/main.ts')).start,
  'all-in-one': async (): Promise<Start> => (await import('../../../all-in-one/src/main.ts')).start,
} as const;
export type Stage = keyof typeof STAGES;
