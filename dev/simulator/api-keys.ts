/** The keys that the account accepts, and what a restricted one may do. */
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { StripeFailure } from './failure.ts'

const keyText = z.string().regex(/^[!-~]{1,200}$/)

export const keyScript = z.strictObject({
  /** Accepted from now on, and no others; while a key is rotated, the old and the new one. */
  keys: z
    .array(
      z.strictObject({
        key: keyText,
        /** Of a restricted key: `payment_intent_read`, `charge_write` … A write includes the read. */
        permissions: z.array(z.string().max(60)).max(100).optional(),
        /** 401 with the code `api_key_expired`. */
        expired: z.boolean().default(false),
      }),
    )
    .max(20),
})

export type KeyScript = z.infer<typeof keyScript>
export type ApiKey = KeyScript['keys'][number]

/** The permission that an address needs, by its resource; refunds count as charges. */
const permissionNames: Readonly<Record<string, string>> = {
  payment_intents: 'payment_intent',
  charges: 'charge',
  refunds: 'charge',
  events: 'event',
  disputes: 'dispute',
  reviews: 'review',
  radar: 'radar',
  customers: 'customer',
}

export class ApiKeys {
  readonly #first: string | undefined
  #keys: readonly ApiKey[] | undefined

  /** `first` is the one key of the start; without it, any that begins with `sk_test_`. */
  constructor(first: string | undefined) {
    this.#first = first
  }

  /** Null: those of the start. */
  get script(): KeyScript | null {
    return this.#keys ? { keys: [...this.#keys] } : null
  }

  set(script: KeyScript): void {
    this.#keys = script.keys
  }

  /** Those of the start again. */
  reset(): void {
    this.#keys = undefined
  }

  /**
   * The key of a request to the API. @throws StripeFailure 401 unless it carries one that is accepted, as a bearer
   * or a user name.
   */
  ofRequest(request: IncomingMessage): ApiKey {
    const key = given(request)
    const found = this.#keys
      ? this.#keys.find((each) => each.key === key)
      : this.#ofStart(key)
        ? { key, expired: false }
        : undefined
    if (!found) throw invalid(key)
    if (found.expired) throw expired(key)
    return found
  }

  /** Lets scripts in, also with the key of the start. @throws StripeFailure 401 */
  letScriptIn(request: IncomingMessage): void {
    if (!this.#ofStart(given(request))) this.ofRequest(request)
  }

  #ofStart(key: string): boolean {
    return this.#first === undefined ? key.startsWith('sk_test_') : key === this.#first
  }
}

/** @throws StripeFailure 403 when the key is a restricted one that may not do this. */
export function permit({ key, permissions }: ApiKey, method: string, path: string): void {
  if (!permissions) return
  const resource = path.split('/')[2] ?? ''
  const name = Object.hasOwn(permissionNames, resource) ? permissionNames[resource] : resource
  const wanted = `${name}_${method === 'GET' ? 'read' : 'write'}`
  if (permissions.includes(wanted) || permissions.includes(`${name}_write`)) return
  throw new StripeFailure(403, {
    type: 'invalid_request_error',
    code: 'more_permissions_required',
    message: `The provided key '${masked(key)}' does not have the required permissions for this endpoint. Having the 'rak_${wanted}' permission would allow this request to continue.`,
  })
}

function given(request: IncomingMessage): string {
  const { authorization = '' } = request.headers
  const key = authorization.startsWith('Bearer ')
    ? authorization.slice(7)
    : authorization.startsWith('Basic ')
      ? (Buffer.from(authorization.slice(6), 'base64').toString().split(':')[0] ?? '')
      : ''
  if (key !== '') return key
  throw new StripeFailure(401, {
    type: 'invalid_request_error',
    message:
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
  })
}

function invalid(key: string): StripeFailure {
  return new StripeFailure(401, {
    type: 'invalid_request_error',
    message: `Invalid API Key provided: ${masked(key)}`,
  })
}

function expired(key: string): StripeFailure {
  return new StripeFailure(401, {
    type: 'invalid_request_error',
    code: 'api_key_expired',
    message: `Expired API Key provided: ${masked(key)}`,
  })
}

function masked(key: string): string {
  return `${key.slice(0, 8)}${'*'.repeat(8)}${key.length > 16 ? key.slice(-4) : ''}`
}
