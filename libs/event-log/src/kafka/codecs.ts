import { compressionsAlgorithms } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { CrossdockError } from '#contracts';

const { Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
const CODECS = [
  [Snappy, compressionsAlgorithms.snappy],
  [LZ4, compressionsAlgorithms.lz4],
  [ZSTD, compressionsAlgorithms.zstd],
] as const;
const REMEDY = 'set compression.type of the topic to producer, or run Node 22.15 or later';

/**
 * We append what we write as it is. The broker compresses it where topic or cluster have a `compression.type`, and others who
 * write to our topics do as they like; kafkajs reads gzip alone, and at anything else its member stops with all its partitions.
 */
export function registerCodecs(): void {
  for (const [type, { decompressSync, available }] of CODECS)
    kafkajs.CompressionCodecs[type as keyof typeof kafkajs.CompressionCodecs] = () => ({
      decompress: async (batch: Buffer) => {
        if (!available)
          throw new kafkajs.KafkaJSNonRetriableError(
            `a batch is compressed with zstd, which this Node cannot read: ${REMEDY}`,
          );
        return decompressSync(batch);
      },
    });
}

/** Of a topic's `compression.type`, before anything is written that nobody here could read. */
export function refuseUnreadable(
  topic: string,
  type: string | undefined,
  zstd = compressionsAlgorithms.zstd.available,
): void {
  if (type === 'zstd' && !zstd)
    throw new CrossdockError(
      'CROSSDOCK_LOG_TOPIC_DRIFT',
      `${topic}: compression.type is zstd, which this Node cannot read: ${REMEDY}`,
    );
}
