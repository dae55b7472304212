import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The newest that runs on Java 17, which a Kafka broker needs too. */
const VERSION = '2.6.13.Final';
const UNPACK = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack';
const DOWNLOAD_WITHIN_MS = 300_000;

/**
 * Apicurio Registry from Maven Central, unpacked into `cache` the first time (140 MB, some 19 s with the download, 3 s from
 * Maven's own store); later calls touch nothing. Several at once do no harm: a folder appears there whole or not at all.
 * Throws when `mvn` is missing or cannot download. Returns the jar to run.
 */
export async function apicurioJar(cache: string): Promise<string> {
  const home = join(cache, VERSION);
  const jar = join(home, `apicurio-registry-app-${VERSION}-runner.jar`);
  if (existsSync(jar)) return jar;
  mkdirSync(dirname(home), { recursive: true });
  const fresh = mkdtempSync(join(cache, 'unpacking-'));
  const artifact = `-Dartifact=io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`;
  try {
    await promisify(execFile)('mvn', ['-B', '-q', UNPACK, artifact, `-DoutputDirectory=${fresh}`], {
      timeout: DOWNLOAD_WITHIN_MS,
      cwd: cache, // without a project the plugin leaves a marker where it stands
    });
    renameSync(fresh, home);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(jar)) throw error; // else another process was faster
  }
  return jar;
}
