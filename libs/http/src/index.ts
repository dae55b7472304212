export { isPrivate } from './address.ts';
export type { Auth, OAuth2 } from './auth.ts';
export { createHttp, type HttpClient, type HttpOptions } from './client.ts';
export { createMeter, type Meter, type MeterOptions } from './meter.ts';
export type { Answered, HttpRequest, HttpResult, NotSent, NotSentReason, Unanswered } from './result.ts';
export { retryAfterMs } from './retry-after.ts';
