// The words of an order are made in one place for TypeScript and in one for SQL: they must say the same.
import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { checkoutWordOf, mayMove, orderWordOf } from '../../../src/orders/order-sql.ts'
import { before, moves } from '../../../src/orders/order-state.ts'
import { checkoutWord, orderStates, orderWord, outcomes } from '../../../src/orders/order-words.ts'
import { openPool, sql } from '../../../src/platform/postgres/pool.ts'
import { createTestDatabase } from '../../support/stores.ts'

const Row = z.object({
  state: z.enum(orderStates),
  outcome: z.enum(outcomes).nullable(),
  checkout: z.string(),
  order: z.string().nullable(),
})

test('SQL says the words and asks the moves as the tables do', async (t) => {
  const url = await createTestDatabase(t)
  const pool = await openPool(url, { max: 1, statementTimeoutMs: 10_000, onError: () => {} })
  t.after(() => pool.end())
  const pairs = orderStates.flatMap((state) =>
    [null, ...outcomes].map((outcome) => [state, outcome]),
  )
  const rows = await pool.any(sql.type(Row)`
    select o.state, o.outcome, ${checkoutWordOf('o')} as checkout, ${orderWordOf('o')} as order
      from ${sql.unnest(pairs, ['text', 'text'])} as o (state, outcome)`)
  assert.equal(rows.length, pairs.length)
  for (const { state, outcome, checkout, order } of rows) {
    assert.equal(checkout, checkoutWord(state, outcome), `checkout of ${state} ${outcome}`)
    assert.equal(order, orderWord(state), `order of ${state}`)
  }
  for (const { by, from, to } of moves.filter((each) => each.from !== null)) {
    const states = await pool.anyFirst(sql.type(z.object({ state: z.string() }))`
      select o.state from ${sql.unnest(
        orderStates.map((state) => [state]),
        ['text'],
      )} as o (state) where ${mayMove('o', by, to)}`)
    assert.ok(states.some((state) => state === from))
    assert.equal(states.length, before(by, to).length)
  }
})
