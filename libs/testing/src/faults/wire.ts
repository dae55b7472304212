import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What is wrong with one direction of every connection. All of it may change while connections are open. */
export interface Weather {
  /** each piece arrives so much later, in order, ms */
  latencyMs?: number;
  /** bytes are read and thrown away: the other side waits for ever */
  swallow?: boolean;
  /** reset each connection after so many bytes went this way, counted per connection */
  cutAfterBytes?: number;
}

export interface Direction {
  weather(): Weather;
  /** looks at what passes, with as many bytes before it as `remember` says, so that a cut between packets hides nothing */
  inspect(seen: Buffer): 'pass' | 'reset';
  remember(): number;
  /** ends the connection on both sides with a real RST */
  reset(): void;
}

/** One direction of one connection. Pieces go one after the other, so latency never reorders them, and a slow reader holds back. */
export class Wire {
  #passed = 0;
  #tail = Buffer.alloc(0);

  constructor(from: Socket, to: Socket, direction: Direction) {
    void this.#run(from, to, direction);
  }

  async #run(from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) if (!(await this.#pass(piece, to, direction))) return;
      if (!direction.weather().swallow) to.end();
    } catch {
      if (!direction.weather().swallow) to.destroy(); // one side was reset: so is the other
    }
  }

  /** false: the connection is over */
  async #pass(piece: Buffer, to: Socket, direction: Direction): Promise<boolean> {
    const { latencyMs = 0 } = direction.weather();
    if (latencyMs > 0) await wait(latencyMs);
    const seen = Buffer.concat([this.#tail, piece]);
    if (direction.inspect(seen) === 'reset') return end(direction);
    const keep = direction.remember();
    this.#tail = keep > 0 ? seen.subarray(-keep) : Buffer.alloc(0);
    const { swallow, cutAfterBytes = Infinity } = direction.weather();
    if (swallow) return true;
    const room = cutAfterBytes - this.#passed;
    if (piece.length > room) {
      // the bytes before the cut arrive: they leave before the reset
      if (room > 0) await new Promise<void>((resolve) => to.write(piece.subarray(0, room), () => resolve()));
      return end(direction);
    }
    this.#passed += piece.length;
    if (!to.write(piece)) await drained(to);
    return true;
  }
}

function end(direction: Direction): false {
  direction.reset();
  return false;
}

function drained(to: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      to.off('drain', go).off('close', go);
      resolve();
    };
    to.once('drain', go).once('close', go);
  });
}
