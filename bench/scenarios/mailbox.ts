/**
 * The actor alone: a mailbox full of reserve commands and a worker that starts on it, beside the
 * one-by-one `SELECT … FOR UPDATE` that makes the same rows. No HTTP in either.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { systemClock } from '../../src/kernel/clock.ts'
import { limits } from '../../src/kernel/limits.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { admit } from '../../src/stock/gate/scripts.ts'
import { checkoutIds } from '../../src/stock/protocol/checkout-id.ts'
import { channels, partitionKeys, requestsKey, skuKeys } from '../../src/stock/protocol/keys.ts'
import { encodeReserve } from '../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import {
  fingerprintOf,
  requestField,
  requestRecord,
} from '../../src/stock/protocol/request-record.ts'
import type { Access, BenchContext, Scenario } from '../ground/context.ts'
import { commitsOf } from '../ground/orders.ts'
import { type Measured, perSecond, round } from '../ground/results.ts'
import { createSku, openGate, stockFigures, waitUntilCommitted } from '../ground/stock.ts'
import { noLatency } from '../load/latency.ts'
import { measureForUpdate } from './for-update.ts'

const commandsMax = 200_000
/** As many as the API puts into one call at most. */
const batch = 128
const commitMs = 120_000

export const mailbox: Scenario = async (context) => {
  const { access, servers, options } = context
  if (!access || !servers) throw new Error('mailbox: needs servers and stores of its own')
  const forUpdatePerSecond = await measureForUpdate(context, access)
  const units = Math.min(commandsMax, options.stock * 4)
  const sku = `BENCH-MAILBOX-${randomBytes(3).toString('hex')}`.toUpperCase()
  await createSku(access.pool, access.sellerId, sku, units)
  await openGate(access.redis, sku, context.signal)
  await servers.stopWorker()
  await fill(context, access, sku, units)
  const started = systemClock.now()
  servers.startWorker(context.settings)
  const complete = await waitUntilCommitted(access, sku, {
    units,
    withinMs: commitMs,
    signal: context.signal,
    onProgress: (taken) => {
      servers.check()
      context.progress.update(`mailbox: ${taken} of ${units} committed`)
    },
  })
  const measured = await measure(access, sku, started, units, complete)
  return { ...measured, figures: { forUpdatePerSecond } }
}

/**
 * Commits per second leave out the start of the process: they count from the first commit to the last,
 * without the orders of the first. With a single commit, from the start of the worker.
 */
async function measure(
  access: Access,
  sku: string,
  startedMs: number,
  units: number,
  complete: boolean,
): Promise<Measured> {
  const commits = await commitsOf(access.pool, sku)
  const last = commits.lastAtMs ?? systemClock.now()
  const first = commits.firstAtMs ?? startedMs
  const several = commits.committed > commits.inFirst && last > first
  const seconds = (several ? last - first : last - startedMs) / 1000
  const counted = several ? commits.committed - commits.inFirst : commits.committed
  return {
    connections: 0,
    durationSeconds: round((last - startedMs) / 1000, 3),
    requests: units,
    accepted: units,
    refused: 0,
    errors: 0,
    requestsPerSecond: 0,
    committed: commits.committed,
    committedPerSecond: perSecond(counted, seconds),
    latencyMs: noLatency,
    commitLatencyMs: noLatency,
    stock: await stockFigures(access, sku),
    latencyPoints: [],
    statuses: {},
    figures: {},
    notes: [
      `${units} commands waited; the last was committed ${round((last - startedMs) / 1000, 2)} s after the worker was started`,
      ...(complete ? [] : [`after ${commitMs / 1000} s not all of them are committed`]),
    ],
  }
}

/** Admits `units` checkouts of one unit each straight through the gate's own script. */
async function fill(
  context: BenchContext,
  access: Access,
  sku: string,
  units: number,
): Promise<void> {
  const { redis } = access
  const partition = partitionOf(sku)
  const generation = Number(await redis.hget(partitionKeys(partition).partition, 'generation'))
  const ids = checkoutIds(context.settings.JWT_SECRET ?? '', systemClock.now, systemRandom)
  const fingerprint = fingerprintOf([{ sku, quantity: 1 }])
  const buyers = context.buyers.ids
  for (let done = 0; done < units; done += batch) {
    context.signal.throwIfAborted()
    context.progress.update(`mailbox: ${done} of ${units} commands admitted`)
    const requests: string[] = []
    for (let i = done; i < Math.min(units, done + batch); i += 1) {
      const buyer = buyers[i % buyers.length] as string
      const key = randomUUID()
      const id = ids.mint(partition, generation, buyer)
      requests.push(
        requestField(buyer, key),
        buyer,
        '1',
        requestRecord(id, fingerprint),
        encodeReserve(id, buyer, 1, key, fingerprint),
      )
    }
    const reply = await admit(
      redis,
      {
        ...partitionKeys(partition),
        ...skuKeys(partition, sku),
        today: requestsKey(partition, systemClock.now(), 0),
        yesterday: requestsKey(partition, systemClock.now(), 1),
      },
      { sku, wake: channels.wake(partition), generation, waitingMax: limits.mailboxUnits },
      requests,
    )
    const refused =
      reply.tag === 'admitted' ? reply.admissions.find(({ tag }) => tag !== 'granted') : reply
    if (refused) throw new Error(`mailbox: the gate answered ${refused.tag}`)
  }
}
