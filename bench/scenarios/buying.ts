/** What the buying scenarios share. */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Access, BenchContext } from '../ground/context.ts'
import { commitsOf } from '../ground/orders.ts'
import { fromLoad, type Measured, perSecond } from '../ground/results.ts'
import { createSku, openGate, stockFigures, waitUntilCommitted } from '../ground/stock.ts'
import type { LoadResult } from '../load/job.ts'

export const checkoutPath = '/api/checkouts'
/** What a target sells whose stores are not known. */
export const demoSku = 'FLASH-001'

const commitMs = 60_000
const settledMs = 3_000

export const bodyFor = (sku: string) => JSON.stringify({ items: [{ sku, quantity: 1 }] })

/** The seconds a request waits for its commit; the answer is then 201. */
export const waiting = { prefer: 'wait=5' } as const

/** A fresh SKU with an open gate, or the demo SKU where none can be made. */
export async function prepareSku(
  context: BenchContext,
  label: string,
  units: number,
): Promise<string> {
  const { access } = context
  if (!access) return demoSku
  const sku = `BENCH-${label}-${randomBytes(3).toString('hex')}`.toUpperCase()
  await createSku(access.pool, access.sellerId, sku, units)
  if (context.strategy === 'actor') await openGate(access.redis, sku, context.signal)
  return sku
}

/**
 * Waits for the commits of what was accepted, and puts load and commits together. With a target whose
 * stores are not known, the server's own count of held units stands for the commits.
 */
export async function measureCommits(
  context: BenchContext,
  sku: string,
  load: LoadResult,
  before: Held,
): Promise<Measured> {
  const measured = fromLoad(load, context.options.connections)
  const { access } = context
  if (!access) {
    const after = await heldUnits(context, sku)
    const committed = Math.max(0, after.held - before.held)
    return {
      ...measured,
      committed,
      committedPerSecond: perSecond(committed, load.seconds),
      stock: {
        ...measured.stock,
        initial: before.available + before.held,
        free: after.available,
        held: after.held,
      },
      notes: ['committed: held units that the target reports, without commit times'],
    }
  }
  const complete = await waitUntilCommitted(access, sku, {
    units: load.accepted,
    withinMs: commitMs,
    signal: context.signal,
    onProgress: (units) =>
      context.progress.update(`waiting for commits: ${units} of ${load.accepted}`),
  })
  const commits = await commitsOf(access.pool, sku)
  const seconds =
    commits.lastAtMs === null ? load.seconds : (commits.lastAtMs - load.startedAtMs) / 1000
  const notes: string[] = []
  if (!complete) notes.push(`after ${commitMs / 1000} s some accepted checkouts are not committed`)
  if (commits.lastAtMs === null && commits.committed > 0) {
    notes.push('track_commit_timestamp is off: committed per second counts to the last answer')
  }
  return {
    ...measured,
    committed: commits.committed,
    committedPerSecond: perSecond(commits.committed, seconds),
    commitLatencyMs: commits.latencyMs,
    stock: await settledFigures(context, access, sku),
    notes,
  }
}

/** The figures once the gate has heard of the last commit, or as they stand after three seconds. */
async function settledFigures(context: BenchContext, access: Access, sku: string) {
  const deadline = performance.now() + settledMs
  for (;;) {
    const figures = await stockFigures(access, sku)
    if (figures.undersold === 0 || performance.now() > deadline) return figures
    await new Promise((resolve) => setTimeout(resolve, 50))
    context.signal.throwIfAborted()
  }
}

export interface Held {
  readonly available: number
  readonly held: number
}

const skuAnswer = z.object({ available: z.number(), held: z.number() })

/** What the API says about a SKU; zeros where the stores tell more. */
export async function heldUnits(context: BenchContext, sku: string): Promise<Held> {
  if (context.access) return { available: 0, held: 0 }
  const answer = await fetch(`${context.url}/api/skus/${encodeURIComponent(sku)}`, {
    signal: AbortSignal.any([context.signal, AbortSignal.timeout(10_000)]),
  })
  const body: unknown = await answer.json()
  if (answer.status !== 200) throw new Error(`GET /api/skus/${sku} answered ${answer.status}`)
  return skuAnswer.parse(body)
}
