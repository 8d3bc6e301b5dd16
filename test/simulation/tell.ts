/**
 * Tells stories in threads of their own: the test runner watches every promise of its own thread, which doubles what a
 * story costs.
 */
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Ambush } from './network.ts'
import { type Changed, runStory } from './world.ts'

export interface Telling {
  /** In this order. */
  readonly seeds: readonly number[]
  readonly changed?: Changed
  /** Whether to go on after a story in which a guarantee was broken. */
  readonly toTheEnd?: boolean
  /** Notes that are brought back of each story; left out: of those that failed, the last ones. */
  readonly notes?: number
}

export interface Told {
  readonly seed: number
  /** What was wrong; empty: every guarantee held. */
  readonly breaches: readonly string[]
  readonly ambushed: readonly Ambush[]
  readonly text: string
}

/** Notes of a failed story that are brought back. */
const notesOfFailed = 60

/** Tells them, and brings back those that were told. */
export async function tell(telling: Telling): Promise<Told[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: telling })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

/** As {@link tell}, on every core. */
export async function tellTogether({ seeds, ...rest }: Telling): Promise<Told[]> {
  const threads = Math.min(availableParallelism(), 4)
  const shares = Array.from({ length: threads }, (_, thread) =>
    seeds.filter((_, i) => i % threads === thread),
  )
  const told = await Promise.all(shares.map((share) => tell({ ...rest, seeds: share })))
  return told.flat().sort((a, b) => a.seed - b.seed)
}

async function tellHere({
  seeds,
  changed = {},
  toTheEnd = false,
  notes,
}: Telling): Promise<Told[]> {
  const told: Told[] = []
  for (const seed of seeds) {
    const { breaches, ambushed, text } = await runStory(seed, changed)
    const failed = breaches.length > 0
    const count = notes ?? (failed ? notesOfFailed : 0)
    told.push({ seed, breaches, ambushed, text: count === 0 ? '' : text(count) })
    if (failed && !toTheEnd) break
  }
  return told
}

if (!isMainThread) parentPort?.postMessage(await tellHere(workerData))
