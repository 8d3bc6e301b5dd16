import { randomUUID } from 'node:crypto'
import type { LoadJob } from './job.ts'

/** What differs from request to request. */
export interface RequestParts {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The paths of a job that reads; one at least. */
export function readsOf({ path, paths = [path] }: LoadJob): readonly string[] {
  if (paths.length === 0) throw new Error('a load of reads needs at least one path')
  return paths
}

/** Makes what differs from request to request: the next buyer's token and a fresh key. */
export function requestMaker(job: LoadJob): {
  readonly bodyHeaders: Readonly<Record<string, string>>
  next(): { token: string; key: string }
} {
  const bearers = job.tokens.map((token) => `Bearer ${token}`)
  if (bearers.length === 0) throw new Error('a load needs at least one buyer')
  let turn = 0
  return {
    bodyHeaders: { 'content-type': 'application/json', ...job.headers },
    next: () => {
      const token = bearers[turn] as string
      turn = (turn + 1) % bearers.length
      return { token, key: randomUUID() }
    },
  }
}
