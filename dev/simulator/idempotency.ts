import { hash } from 'node:crypto'
import { StripeFailure } from './failure.ts'
import { limits } from './limits.ts'
import type { Answer } from './records.ts'

export interface KeyRecord {
  readonly key: string
  readonly path: string
  /** Of the parameters, whatever their order. */
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The first request with this key. */
  readonly requestId: string
  /** Null while that is being worked on. */
  readonly answer: Answer | null
}

/**
 * The first answer to every Idempotency-Key, kept for 24 hours: the same key with the same parameters gets it
 * again, whatever it was; with other parameters it is an error.
 */
export class IdempotencyKeys {
  readonly #max: number
  readonly #keys = new Map<string, KeyRecord>()

  constructor(max: number = limits.keys) {
    this.#max = max
  }

  get size(): number {
    return this.#keys.size
  }

  /**
   * Takes the key for a request, or returns the record of one that has been answered.
   * @throws StripeFailure 400 when the key went with other parameters, 409 while it is being worked on.
   */
  begin(request: {
    readonly key: string
    readonly path: string
    readonly body: string
    readonly now: number
    readonly requestId: string
  }): KeyRecord | undefined {
    const { key, path, body, now, requestId } = request
    if (key.length > limits.keyLength) {
      throw failure(400, `Idempotency keys have up to ${limits.keyLength} characters.`)
    }
    const fingerprint = fingerprintOf(body)
    const known = this.#keys.get(key)
    if (known && now - known.at < limits.keyLifeMs) return this.#replay(known, path, fingerprint)
    this.#keys.delete(key)
    this.put({ key, path, fingerprint, at: now, requestId, answer: null })
    return undefined
  }

  #replay(known: KeyRecord, path: string, fingerprint: string): KeyRecord {
    if (known.path !== path) {
      throw failure(
        400,
        `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${path}' vs '${known.path}'). Try using a key other than '${known.key}' if you meant to execute a different request.`,
      )
    }
    if (known.fingerprint !== fingerprint) {
      throw failure(
        400,
        `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${known.key}' if you meant to execute a different request.`,
      )
    }
    if (known.answer) return known
    throw keyInUse(known.key)
  }

  /** Keeps the answer for good; returns what is kept. */
  finish(key: string, answer: Answer): KeyRecord | undefined {
    const begun = this.#keys.get(key)
    if (!begun) return undefined
    const finished = { ...begun, answer }
    this.#keys.set(key, finished)
    return finished
  }

  /** Gives the key back: nothing was done. */
  forget(key: string): void {
    this.#keys.delete(key)
  }

  put(record: KeyRecord): void {
    this.#keys.set(record.key, record)
    for (const oldest of this.#keys.values()) {
      const expired = record.at - oldest.at >= limits.keyLifeMs
      if (!expired && this.#keys.size <= this.#max) break
      this.#keys.delete(oldest.key)
    }
  }

  /** Those that have an answer, from the oldest on. */
  *answered(): Generator<KeyRecord> {
    for (const record of this.#keys.values()) if (record.answer) yield record
  }
}

function fingerprintOf(body: string): string {
  return hash('sha256', body.split('&').sort().join('&'), 'base64url')
}

/** 409 while another request with the key is being worked on. */
export function keyInUse(key: string): StripeFailure {
  return failure(
    409,
    `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
    'idempotency_key_in_use',
  )
}

function failure(status: number, message: string, code?: string): StripeFailure {
  const error = { type: 'idempotency_error', message } as const
  return new StripeFailure(status, code ? { ...error, code } : error)
}
