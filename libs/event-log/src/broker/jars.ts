import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrossdockError } from '#contracts';

/** Kafka brings slf4j-api 1.7 and log4j-core; without the binding between them a broker says nothing, not even "started". */
const POM = `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>crossdock</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>4.3.1</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.8.1</version>
      </plugin>
    </plugins>
  </build>
</project>
`;

/** The broker's only line of INFO: that it is ready. */
const LOG4J = `status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.ready.name=kafka.server.KafkaRaftServer
logger.ready.level=info
`;

export interface Jars {
  /** for `java -cp` */
  classPath: string;
  log4j: string;
}

/** Another version of these is another folder: a broker that runs never loses the jars it was started with. */
const NAME = createHash('sha256').update(POM).update(LOG4J).digest('hex').slice(0, 16);

/**
 * Kafka's own jars from Maven (46 files, 43 MiB, some 10 s the first time), kept in `cache`; later calls touch nothing.
 * Who fetches does so in a folder of his own, which then gets its name at once: processes that find the cache empty at the
 * same moment each fetch, one is first, and nobody sees half of it. Maven honours the user's mirror, proxy and credentials.
 * Throws when `mvn` is missing or cannot download.
 */
export async function kafkaJars(cache: string): Promise<Jars> {
  const whole = join(cache, NAME);
  if (!existsSync(whole)) {
    mkdirSync(cache, { recursive: true });
    const part = mkdtempSync(join(cache, 'part-'));
    try {
      await fetchInto(part);
      renameSync(part, whole);
    } catch (error) {
      rmSync(part, { recursive: true, force: true });
      if (!existsSync(whole)) throw error; // else somebody was first
    }
  }
  return { classPath: join(whole, 'lib', '*'), log4j: join(whole, 'log4j2.properties') };
}

async function fetchInto(folder: string): Promise<void> {
  const pom = join(folder, 'pom.xml');
  writeFileSync(pom, POM);
  writeFileSync(join(folder, 'log4j2.properties'), LOG4J);
  const goal = ['-B', '-q', '-f', pom, 'dependency:copy-dependencies'];
  await run('mvn', [...goal, '-DincludeScope=runtime', `-DoutputDirectory=${join(folder, 'lib')}`]);
}

/** Runs a program to its end; throws with the end of what it said. */
export function run(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const hear = (bytes: Buffer): void => void (said = (said + bytes.toString()).slice(-3000));
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const failed = (why: string, cause?: unknown): void =>
      reject(new CrossdockError('CROSSDOCK_LOG_BROKER', `${program} ${why}\n${said}`.trimEnd(), { cause }));
    child.once('error', (cause) => failed('could not be started', cause));
    child.once('exit', (code) => (code === 0 ? resolve() : failed(`ended with code ${code}`)));
  });
}
