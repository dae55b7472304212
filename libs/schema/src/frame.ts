import { CrossdockError } from '#contracts';

const HEADER = 5;

/** Confluent's frame: a zero byte, the schema's id in four bytes, then the body. */
export function frame(id: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER + body.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(id, 1);
  bytes.set(body, HEADER);
  return bytes;
}

/** The parts of a frame, without copying. Throws `CROSSDOCK_SCHEMA_FRAME` when the bytes are none: a dead letter. */
export function unframe(bytes: Buffer): { id: number; body: Buffer } {
  if (bytes.length < HEADER) throw new CrossdockError('CROSSDOCK_SCHEMA_FRAME', 'the value is too short for a frame');
  if (bytes[0] !== 0) throw new CrossdockError('CROSSDOCK_SCHEMA_FRAME', 'the value does not begin with a zero byte');
  return { id: bytes.readUInt32BE(1), body: bytes.subarray(HEADER) };
}
