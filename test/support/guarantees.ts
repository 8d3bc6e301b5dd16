/** Asks whether a test's shop keeps its guarantees, and asserts what the answer is. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import type { GuaranteeId, GuaranteeReport } from '../../src/ops/findings.ts'
import { checkGuarantees } from '../../src/ops/guarantees.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { skuKeys } from '../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { openSku } from './on-sale.ts'
import { startTestSystem, type TestSystem } from './system.ts'

/** The id of a worker that began long ago. */
export const startedLongAgo = '01800000-0000-7000-8000-000000000000'

export async function check(
  system: TestSystem,
): Promise<{ report: GuaranteeReport; notes: string[] }> {
  const notes: string[] = []
  const note = (sentence: string) => notes.push(sentence)
  const { pool, redis, config } = system
  return { report: await checkGuarantees({ pool, redis, config, clock: systemClock, note }), notes }
}

export const breachesOf = ({ promises }: GuaranteeReport) =>
  promises.flatMap(({ breaches }) => breaches)
export const checkedOf = ({ promises }: GuaranteeReport, id: GuaranteeId) =>
  promises[id - 1]?.checked ?? 0

export async function assertKept(system: TestSystem): Promise<GuaranteeReport> {
  const { report } = await check(system)
  assert.deepEqual(breachesOf(report), [])
  assert.equal(report.kept, true)
  return report
}

/** Asserts that this guarantee is broken, and no other, with one sentence that says all of `words`. */
export async function assertBroken(
  system: TestSystem,
  id: GuaranteeId,
  ...words: (string | RegExp)[]
): Promise<void> {
  const { report } = await check(system)
  const broken = report.promises.filter(({ kept }) => !kept)
  assert.deepEqual(
    broken.map((guarantee) => guarantee.id),
    [id],
    breachesOf(report).join('\n'),
  )
  assert.equal(report.kept, false)
  const fits = (breach: string) =>
    [...words, 'repair: '].every((word) =>
      typeof word === 'string' ? breach.includes(word) : word.test(breach),
    )
  assert.ok(broken[0]?.breaches.some(fits), broken[0]?.breaches.join('\n'))
}

/** A shop in which somebody holds 3 of 10 units of a SKU with a limit of 4, and everything is settled. */
export async function usedSystem(t: TestContext) {
  const system = await startTestSystem(t, { own: true })
  const sku = await openSku(system, { units: 10, limit: 4 })
  const buyer = newId()
  const placed = await system.place(buyer, [{ sku, quantity: 3 }], { wait: 10 })
  assert.equal(placed.body.status, 'reserved')
  await system.settledAt(sku, 7)
  const keys = skuKeys(partitionOf(sku), sku)
  return { ...system, sku, buyer, id: placed.body.id, keys }
}

/** As if a worker had run since long ago until now; the real ones are stopped, so that nobody tidies up. */
export async function asIfWorked(system: TestSystem): Promise<void> {
  await system.stopWorkers()
  await system.pool.query(
    sql.typeAlias('none')`insert into workers (id) values (${startedLongAgo})`,
  )
}
