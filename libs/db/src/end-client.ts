import type pg from 'pg';

/** How long a server may take to close a connection in order; one that hangs never does. */
const PATIENCE_MS = 2_000;

/** Ends a connection: in order where the server takes part, else by closing our side. Resolves within `PATIENCE_MS`; never throws. */
export async function endClient(client: pg.Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      socketOf(client)?.destroy();
      resolve();
    }, PATIENCE_MS);
  });
  await Promise.race([client.end().catch(() => {}), late]);
  clearTimeout(timer);
}

/** Not in the types of pg, and there since its first version. */
function socketOf(client: pg.Client): { destroy(): void } | undefined {
  return (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream;
}
