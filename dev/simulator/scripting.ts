/** What the simulator's own addresses share: whom they may reach, and how they read and change. */
import type { z } from 'zod'
import type { Clock } from '../../src/kernel/clock.ts'
import type { Api } from './api.ts'
import type { ApiKeys } from './api-keys.ts'
import { noSuch, StripeFailure } from './failure.ts'
import type { Faults } from './faults.ts'
import type { Form } from './form.ts'
import type { RateLimits } from './rate-limits.ts'
import type { Kind, Records, Snapshot } from './records.ts'
import { renderSnapshot } from './render.ts'
import type { SlowBanks } from './slow-banks.ts'
import type { Work } from './store.ts'
import type { Webhooks } from './webhooks.ts'

export interface Scripting {
  readonly api: Api
  readonly faults: Faults
  readonly rateLimits: RateLimits
  readonly webhooks: Webhooks
  readonly clock: Clock
  readonly keys: ApiKeys
  readonly banks: SlowBanks
}

export interface Call {
  /** The one in the address, else empty. */
  readonly id: string
  /** The query. */
  readonly form: Form
  readonly body: string
}

export type Action = (scripting: Scripting, call: Call) => object | Promise<object>

/** The object of that id. @throws StripeFailure 404 */
export function found<K extends Kind>({ store }: Api, kind: K, id: string): Records[K] {
  const record = store.all[kind].get(id)
  if (!record) throw noSuch(kind, id, 'id')
  return record
}

/** Makes a change that no request to the API caused, and returns the object as it is now. */
export function changed<K extends Kind>(
  { store }: Api,
  kind: K,
  change: (work: Work) => Records[K],
): object {
  const work = store.begin({ requestId: null, idempotencyKey: null })
  try {
    return renderSnapshot({ kind, record: change(work) } as Snapshot)
  } finally {
    store.commit(work)
  }
}

/** The JSON of a body, empty for none. @throws StripeFailure 400 unless it fits. */
export function parse<T>(schema: z.ZodType<T>, body: string): T {
  let json: unknown
  try {
    json = JSON.parse(body === '' ? '{}' : body)
  } catch {
    throw refused('The body is not JSON.')
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw refused(`${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`)
}

/** 400, or another status, with a message. */
export function refused(message: string, status = 400): StripeFailure {
  return new StripeFailure(status, { type: 'invalid_request_error', message })
}
