/**
 * Bytes, as capture and the outbox library take them. They stand in keys of indexes and of log records, where a kilobyte is the
 * end.
 */
export const MAX_EVENT_ID = 1024;
export const MAX_RECORD_ID = 512;
export const MAX_TYPE = 256;
