/** Who sent an event: Stripe's signature over the raw body, by the official SDK. */
import { Stripe } from 'stripe'

/** An event that the provider has signed: the verifier makes it, the inbox stores it. */
export interface VerifiedEvent {
  readonly id: string
  readonly type: string
  /** The body as it was signed. */
  readonly body: string
  /** What the body says, if it was read already. */
  readonly read?: unknown
}

/** Seconds that a signature stays good. Later it may be somebody's recording. */
export const toleranceSeconds = 300

/**
 * For the webhook route: verifies bodies against any of several secrets (separated by commas), so
 * that a secret can be changed without a gap. Never throws: undefined for a signature that is
 * missing, wrong, older than 300 seconds or over other bytes, and for a body that is no event.
 */
export function createWebhookVerifier(
  secretSetting: string,
): (body: Buffer, signature: string | undefined) => VerifiedEvent | undefined {
  const secrets = secretSetting
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
  return (body, signature) => {
    if (signature === undefined) return undefined
    for (const secret of secrets) {
      const event = verify(body, signature, secret)
      if (event && typeof event.id === 'string' && typeof event.type === 'string') {
        return { id: event.id, type: event.type, body: body.toString('utf8'), read: event }
      }
    }
    return undefined
  }
}

function verify(body: Buffer, signature: string, secret: string): Partial<Stripe.Event> | null {
  try {
    return Stripe.webhooks.constructEvent(body, signature, secret, toleranceSeconds)
  } catch {
    return null
  }
}
