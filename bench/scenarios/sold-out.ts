/** Most of a flash sale: the units are gone, and everybody else is told so. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { BenchContext, Scenario } from '../ground/context.ts'
import { bodyFor, checkoutPath, heldUnits, measureCommits, prepareSku } from './buying.ts'

const unitsMax = 1_000
const problem = z.object({ code: z.string() })

export const soldOut: Scenario = async (context) => {
  const { options, buyers } = context
  const tokens = buyers.tokens()
  const units = Math.min(options.stock, unitsMax, Math.ceil(tokens.length / 2))
  const sku = await prepareSku(context, 'GONE', units)
  const held = await heldUnits(context, sku)
  const job = {
    path: checkoutPath,
    body: bodyFor(sku),
    headers: {},
    connections: options.connections,
  }
  const selling = await context.load('sold-out, selling first', {
    ...job,
    tokens: tokens.slice(0, units),
    durationMs: 30_000,
    stopAfterRefusals: options.connections,
  })
  const others = tokens.slice(units)
  await expectSoldOut(context, sku, others[0] as string)
  const load = await context.load('sold-out', {
    ...job,
    tokens: others,
    durationMs: options.durationSeconds * 1_000,
  })
  const sold = await measureCommits(context, sku, selling, held)
  const refusing = await measureCommits(context, sku, load, held)
  return {
    ...refusing,
    // The units were sold before the clock started: nothing was committed in the measured time.
    committed: 0,
    committedPerSecond: 0,
    commitLatencyMs: { p50: 0, p99: 0, max: 0 },
    figures: { soldBefore: sold.committed },
    notes: [`${sold.committed} units were sold before the measurement, to other buyers`],
  }
}

/** All 409s count as refusals; this one shows that they say what they should. */
async function expectSoldOut(context: BenchContext, sku: string, token: string): Promise<void> {
  const answer = await fetch(`${context.url}${checkoutPath}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: bodyFor(sku),
    signal: AbortSignal.any([context.signal, AbortSignal.timeout(10_000)]),
  })
  const body: unknown = await answer.json()
  const { data } = problem.safeParse(body)
  if (answer.status !== 409 || data?.code !== 'sold_out') {
    throw new Error(`sold-out: expected 409 sold_out, got ${answer.status} ${data?.code ?? ''}`)
  }
}
