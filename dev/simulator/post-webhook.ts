import { createHmac } from 'node:crypto'
import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { limits } from './limits.ts'
import type { EventType } from './records.ts'

export interface WebhookTarget {
  readonly url: string
  /** Default: every type of event there is. */
  readonly events?: readonly EventType[] | undefined
  /** The endpoint's signing secret. */
  readonly secret: string
}

/** Connections to the shop, kept open and bounded. */
export class WebhookPoster {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: limits.webhookConnections })
  readonly #tlsAgent = new TlsAgent({ keepAlive: true, maxSockets: limits.webhookConnections })

  /**
   * Posts one signed event and resolves with the status of the answer, or with 0 when there was none, or no
   * sign of life for 10 seconds. Never rejects. `seconds` is the time that is signed.
   */
  post(target: WebhookTarget, body: string, seconds: number): Promise<number> {
    const tls = target.url.startsWith('https:')
    const bytes = Buffer.from(body)
    return new Promise((resolve) => {
      const call = (tls ? tlsRequest : request)(
        target.url,
        {
          method: 'POST',
          agent: tls ? this.#tlsAgent : this.#agent,
          timeout: limits.webhookTimeoutMs,
          headers: {
            'content-type': 'application/json; charset=utf-8',
            'content-length': bytes.length,
            'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
            'stripe-signature': signature(body, target.secret, seconds),
          },
        },
        (answer) => {
          answer.resume()
          answer.once('end', () => resolve(answer.statusCode ?? 0))
          answer.once('error', () => resolve(0))
        },
      )
      call.once('error', () => resolve(0))
      call.once('timeout', () => call.destroy())
      call.end(bytes)
    })
  }

  close(): void {
    this.#agent.destroy()
    this.#tlsAgent.destroy()
  }
}

/** The `Stripe-Signature` header: the time, and the HMAC-SHA256 of time and body. */
export function signature(body: string, secret: string, seconds: number): string {
  const signed = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${signed}`
}
