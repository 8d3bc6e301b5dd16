import type { Clock } from '../../kernel/clock.ts'

const limits = { checkMs: 1_000, cacheMs: 250 } as const

/** One call each that succeeds when the store answers. */
export interface HealthChecks {
  readonly db: () => Promise<unknown>
  readonly redis: () => Promise<unknown>
  /** Whether the payment provider takes our key, as far as is known. */
  readonly payments: () => boolean
}

type Verdict = 'healthy' | 'unhealthy'

export interface Health {
  readonly status: 'ok' | 'unavailable'
  readonly db: Verdict
  readonly redis: Verdict
}

/**
 * Asks both stores, a second at most. One answer serves everybody for 250 ms, so that probes, however
 * many, cannot hurt.
 */
export function createHealth(checks: HealthChecks, clock: Clock): () => Promise<Health> {
  let answer: Promise<Health> | undefined
  let askedAt = Number.NEGATIVE_INFINITY

  const ask = async (): Promise<Health> => {
    const [db, redis] = await Promise.all([within(checks.db, clock), within(checks.redis, clock)])
    const status = db === 'healthy' && redis === 'healthy' ? 'ok' : 'unavailable'
    return { status, db, redis }
  }
  return () => {
    if (!answer || clock.monotonic() - askedAt >= limits.cacheMs) {
      askedAt = clock.monotonic()
      answer = ask()
    }
    return answer
  }
}

function within(check: () => Promise<unknown>, clock: Clock): Promise<Verdict> {
  return new Promise((resolve) => {
    const cancel = clock.after(limits.checkMs, () => resolve('unhealthy'))
    const settle = (verdict: Verdict) => {
      cancel()
      resolve(verdict)
    }
    Promise.resolve()
      .then(check)
      .then(
        () => settle('healthy'),
        () => settle('unhealthy'),
      )
  })
}
