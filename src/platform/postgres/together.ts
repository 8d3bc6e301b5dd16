/** Statements that many callers of one process ask for at the same moment, carried out as one. */
import type { DatabasePool } from 'slonik'
import { withCauses } from '../../kernel/causes.ts'
import { Coalescer } from '../../kernel/coalescer.ts'
import { sqlState } from './pipeline.ts'

export interface Together<Ask, Answer> {
  /**
   * Answers those that it can, in one statement; undefined where it did nothing. It must not wait for rows
   * that somebody else has locked: who comes together shares the time.
   */
  readonly all: (
    pool: DatabasePool,
    asks: readonly Ask[],
  ) => Promise<readonly (Answer | undefined)[]>
  /** Answers one. It has the last word on whatever `all` left alone. */
  readonly one: (pool: DatabasePool, ask: Ask) => Promise<Answer>
}

/** Asks of one statement, at most. */
const batchMax = 128
/** Asks that wait in one process, at most. */
const waitingMax = 10_000

/**
 * Makes a function that carries out an ask with all others that wait: one statement, and one flush to disk,
 * for all of them. A statement that PostgreSQL refuses because of one ask has changed nothing: then each is
 * carried out for itself, so that nobody pays for his neighbour.
 */
export function together<Ask, Answer>({
  all,
  one,
}: Together<Ask, Answer>): (pool: DatabasePool, ask: Ask) => Promise<Answer> {
  const run = async (
    pool: DatabasePool,
    asks: readonly Ask[],
  ): Promise<readonly (Answer | undefined)[]> => {
    try {
      return await all(pool, asks)
    } catch (error) {
      if (isOnesFault(error)) return asks.map(() => undefined)
      throw error
    }
  }
  const coalescers = new WeakMap<DatabasePool, Coalescer<Ask, Answer | undefined>>()
  return async (pool, ask) => {
    let coalescer = coalescers.get(pool)
    if (!coalescer) {
      coalescer = new Coalescer({
        run: (asks) => run(pool, asks),
        batchMax,
        waitingMax,
      })
      coalescers.set(pool, coalescer)
    }
    return (await coalescer.ask(ask)) ?? one(pool, ask)
  }
}

/** Data that does not fit, a constraint, a deadlock, or too much at once. */
function isOnesFault(error: unknown): boolean {
  return withCauses(error).some((each) => /^(22|23|40|54)/.test(sqlState(each) ?? ''))
}
