/** Runs the handlers of outbox events: one effect each, failures retried with growing pauses, then parked. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { assert } from '../kernel/assert.ts'
import type { Random } from '../kernel/random.ts'
import { settleInGroups } from '../kernel/settle-in-groups.ts'
import { closeEvents, noteEventFailures, type OutboxEvent, openEvents } from './outbox.ts'
import { defaultRetries, failureOf, type RetryPolicy } from './retries.ts'
import type { Logger } from './telemetry/logger.ts'

/** Writes an effect in the transaction that closes the rows: both or neither. */
export type Consumer = (
  tx: DatabaseTransactionConnection,
  events: readonly OutboxEvent[],
) => Promise<void>

/** Has an effect outside of PostgreSQL, so it may run twice: its key must make the second one harmless. */
export type OutsideEffect = (
  events: readonly OutboxEvent[],
) => Promise<readonly PromiseSettledResult<unknown>[]>

export type TopicHandler =
  | { readonly inTransaction: readonly Consumer[] }
  | { readonly outside: OutsideEffect }

export type Topics = Readonly<Record<string, TopicHandler>>

/** Puts parts together: the consumers of one topic all run; an outside effect is its topic's only one. */
export function joinTopics(...parts: readonly Topics[]): Topics {
  const joined: Record<string, TopicHandler> = {}
  for (const [topic, handler] of parts.flatMap((part) => Object.entries(part))) {
    const before = joined[topic]
    if (!before) joined[topic] = handler
    else {
      assert('inTransaction' in before && 'inTransaction' in handler, `topic ${topic}: two effects`)
      joined[topic] = { inTransaction: [...before.inTransaction, ...handler.inTransaction] }
    }
  }
  return joined
}

export interface OutboxHandlerDeps {
  readonly pool: DatabasePool
  readonly topics: Topics
  readonly log: Logger
  readonly random: Random
  readonly retries?: RetryPolicy
}

/** One event at a time, `parallel` of them at once. */
export function eachOutside(
  run: (event: OutboxEvent) => Promise<unknown>,
  parallel = 4,
): OutsideEffect {
  return (events) => settleInGroups(events, parallel, run)
}

/** One event at a time, in one transaction with the others of its batch. */
export function eachInTransaction(
  run: (tx: DatabaseTransactionConnection, event: OutboxEvent) => Promise<unknown>,
): Consumer {
  return async (tx, events) => {
    for (const event of events) await run(tx, event)
  }
}

/** Handles those of `ids` that are still open. Rejects only when PostgreSQL is away: then they stay due. */
export async function handleEvents(deps: OutboxHandlerDeps, ids: readonly number[]): Promise<void> {
  const events = await openEvents(deps.pool, ids)
  for (const [topic, group] of Map.groupBy(events, (event) => event.topic)) {
    const handler = deps.topics[topic]
    if (!handler) await fail(deps, group, new Error(`nobody handles the topic ${topic}`))
    else if ('outside' in handler) await handleOutside(deps, handler.outside, group)
    else await handleTogether(deps, handler.inTransaction, group)
  }
}

async function handleTogether(
  deps: OutboxHandlerDeps,
  consumers: readonly Consumer[],
  events: readonly OutboxEvent[],
): Promise<void> {
  try {
    await deps.pool.transaction(async (tx) => {
      // Closing comes first: whoever runs the same events meanwhile waits here, and finds nothing left to do.
      const mine = await closeEvents(
        tx,
        events.map(({ id }) => id),
      )
      const open = events.filter(({ id }) => mine.has(id))
      if (open.length === 0) return
      for (const consume of consumers) await consume(tx, open)
    })
  } catch (error) {
    if (events.length === 1) return fail(deps, events, error)
    // One of them is to blame: alone, the others get through.
    for (const event of events) await handleTogether(deps, consumers, [event])
  }
}

async function handleOutside(
  deps: OutboxHandlerDeps,
  effect: OutsideEffect,
  events: readonly OutboxEvent[],
): Promise<void> {
  let results: readonly PromiseSettledResult<unknown>[]
  try {
    results = await effect(events)
  } catch (error) {
    return fail(deps, events, error)
  }
  const done = events.filter((_, i) => results[i]?.status === 'fulfilled')
  await closeEvents(
    deps.pool,
    done.map(({ id }) => id),
  )
  for (const [i, event] of events.entries()) {
    const result = results[i]
    if (result?.status !== 'fulfilled') await fail(deps, [event], result?.reason)
  }
}

async function fail(
  deps: OutboxHandlerDeps,
  events: readonly OutboxEvent[],
  error: unknown,
): Promise<void> {
  const { log, random, retries = defaultRetries } = deps
  const failures = events.map(({ id, attempts }) => ({
    id,
    ...failureOf(error, attempts, retries, random),
  }))
  await noteEventFailures(deps.pool, failures)
  for (const [i, { id, topic, key, attempts }] of events.entries()) {
    const parked = failures[i]?.retryInMs === null
    const about = { err: error, event: id, topic, key, attempts: attempts + 1 }
    log[parked ? 'error' : 'warn'](
      about,
      parked
        ? 'an outbox event failed for good; it is parked for an operator'
        : `an outbox event failed; trying again in ${failures[i]?.retryInMs} ms`,
    )
  }
}
