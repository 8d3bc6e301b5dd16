import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { newId } from '../../../../src/kernel/ids.ts'
import type { RedisClient } from '../../../../src/platform/redis/client.ts'
import type { TestGate } from '../../../support/gate.ts'

export type Case = (t: TestContext, redis: RedisClient) => Promise<void>

/** A request of a new buyer. */
export const one = (units = 1) => ({ buyer: newId(), units })

/** Runs something that must leave Redis as it was. */
export async function writesNothing<T>(gate: TestGate, run: () => Promise<T>): Promise<T> {
  const before = await gate.everything()
  const reply = await run()
  assert.deepEqual(await gate.everything(), before)
  return reply
}
