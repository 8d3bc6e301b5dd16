/** Tells stories about money in threads of their own: the test runner watches every promise of its own thread. */
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Ambush } from '../network.ts'
import type { MoneyMutants } from './money-mutants.ts'
import { runMoneyStory } from './money-world.ts'

export interface MoneyTelling {
  /** In this order. */
  readonly seeds: readonly number[]
  readonly mutants?: MoneyMutants
  /** Notes that are brought back of each story; left out: of those that failed, the last ones. */
  readonly notes?: number
}

export interface MoneyTold {
  readonly seed: number
  readonly breaches: readonly string[]
  readonly ambushed: readonly Ambush[]
  readonly text: string
}

/** Notes of a failed story that are brought back. */
const notesOfFailed = 60

/** Tells them up to the first in which a guarantee was broken, and brings back those that were told. */
export async function tellMoney(telling: MoneyTelling): Promise<MoneyTold[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: telling })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

/** As {@link tellMoney}, on every core. */
export async function tellMoneyTogether({ seeds, ...rest }: MoneyTelling): Promise<MoneyTold[]> {
  const threads = Math.min(availableParallelism(), 4)
  const shares = Array.from({ length: threads }, (_, thread) =>
    seeds.filter((_seed, i) => i % threads === thread),
  )
  const told = await Promise.all(shares.map((share) => tellMoney({ ...rest, seeds: share })))
  return told.flat().sort((a, b) => a.seed - b.seed)
}

async function tellHere({ seeds, mutants = {}, notes }: MoneyTelling): Promise<MoneyTold[]> {
  const told: MoneyTold[] = []
  for (const seed of seeds) {
    const { breaches, ambushed, text } = await runMoneyStory(seed, mutants)
    const failed = breaches.length > 0
    const count = notes ?? (failed ? notesOfFailed : 0)
    told.push({ seed, breaches, ambushed, text: count === 0 ? '' : text(count) })
    if (failed) break
  }
  return told
}

if (!isMainThread) parentPort?.postMessage(await tellHere(workerData))
