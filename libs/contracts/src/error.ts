/** A stable, greppable code: `CROSSDOCK_<STAGE>_<WHAT>`. */
export type ErrorCode = `CROSSDOCK_${string}`;

/**
 * An error that answers the three questions of whoever reads it: what was being done (message), why it failed (cause),
 * and whether trying again can help (`retryable`). The message never holds a payload or a secret.
 */
export class CrossdockError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CrossdockError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** Where a mistake stands in a file people write: 1-based line and column; line 0 where it stands in no file. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** One mistake in configuration, schemas or mappings: what is wrong and, where known, what would be right. */
export interface Finding extends Position {
  message: string;
  suggestion?: string;
}

/** Configuration that cannot be used: carries every finding, not just the first. The process exits with code 2. */
export class ConfigurationError extends CrossdockError {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    super('CROSSDOCK_CONFIGURATION_INVALID', findings.map(formatFinding).join('\n'));
    this.name = 'ConfigurationError';
    this.findings = findings;
  }
}

/** `file:line:column: message (suggestion)`, the form editors make a link of; without a place where there is none (line 0). */
export function formatFinding(finding: Finding): string {
  const hint = finding.suggestion ? ` (${finding.suggestion})` : '';
  const place = finding.line > 0 ? `${finding.file}:${finding.line}:${finding.column}` : finding.file;
  return `${place}: ${finding.message}${hint}`;
}
