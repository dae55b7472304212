import type { RawRequest, Source, Verified } from '#contracts';
import { defineSource } from '../../source-connector.ts';
import { splitCloudEvents } from './cloudevents.ts';
import { hmacSignature } from './hmac.ts';
import { namedEventId, splitPlain } from './plain.ts';
import { hmacDefaults, isLoopback, parseSettings, type WebhookSettings } from './settings.ts';
import { refuse } from './signature.ts';
import { ID_HEADER, standardWebhooks } from './standard-webhooks.ts';

/** The generic source: any CRM that can post JSON, signed in one of the usual ways. */
export const webhook = defineSource<WebhookSettings>({
  name: 'webhook',
  contract: 1,
  parse: parseSettings,
  declare: ({ normalise }) => ({ normalise: new Map(Object.entries(normalise)) }),
  open: (settings): Source => ({ verify: verifierOf(settings), split: splitterOf(settings) }),
});

function verifierOf(settings: WebhookSettings): Source['verify'] {
  const { scheme, secrets, hmac, tolerance, eventId } = settings;
  if (scheme === 'standard-webhooks') return standardWebhooks(settings, tolerance);
  if (secrets === undefined) return onlyLoopback;
  const idHeader = scheme === 'cloudevents' ? 'ce-id' : (eventId?.header ?? ID_HEADER);
  return hmacSignature(secrets, hmac ?? hmacDefaults(), tolerance, idHeader);
}

function splitterOf(settings: WebhookSettings): Source['split'] {
  if (settings.scheme === 'cloudevents') return (request) => splitCloudEvents(request, settings);
  if (settings.scheme === 'standard-webhooks')
    return (request) => splitPlain(request, settings, ({ headers }) => headers[ID_HEADER]);
  const eventId = namedEventId(settings);
  return (request) => splitPlain(request, settings, eventId);
}

/** Without a signature only this machine may post, and not through a proxy that stands on it. */
function onlyLoopback(request: RawRequest): Verified {
  const relayed = request.headers['forwarded'] ?? request.headers['x-forwarded-for'];
  if (request.remoteAddress !== undefined && isLoopback(request.remoteAddress) && relayed === undefined)
    return { ok: true };
  return refuse(
    'NOT_LOOPBACK',
    'this connection takes requests from its own machine only: give it a scheme that signs',
  );
}
