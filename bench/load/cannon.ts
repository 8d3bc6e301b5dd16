/** Autocannon as all loads use it that go as fast as they are answered. */
import autocannon from 'autocannon'
import type { LoadJob, LoadResult } from './job.ts'
import { Tally } from './tally.ts'

/** What autocannon's client counts, and the limit at which it ends itself; neither is in its types. */
type CountedClient = autocannon.Client & { reqsMade: number; responseMax?: number }

export interface RunningLoad {
  readonly tally: Tally
  readonly done: Promise<LoadResult>
}

const answerSeconds = 30
const failuresMax = 2_000
/** Beyond the end of the load, for answers that are still out. */
const drainMs = 35_000

/**
 * Sends a job's requests over its connections until its time is up or its refusals are reached. Then
 * connections are not cut: each one gets the answer that is out and stops, so that every request that was
 * sent is counted. `milliseconds` tells how long what an answer completes has taken; undefined: it completes
 * nothing yet, and its connection goes on in any case.
 */
export function runCannon(
  job: LoadJob,
  requests: Pick<autocannon.Options, 'requests' | 'setupClient'>,
  milliseconds: (client: autocannon.Client, status: number, ms: number) => number | undefined,
): RunningLoad {
  const refusalsMax = job.stopAfterRefusals ?? Number.POSITIVE_INFINITY
  const tally = new Tally()
  let ending = false
  const done = new Promise<LoadResult>((resolve, reject) => {
    const instance = autocannon(
      {
        url: job.url,
        connections: job.connections,
        duration: (job.durationMs + drainMs) / 1000,
        timeout: answerSeconds,
        // A server that is gone is not asked for ever.
        bailout: failuresMax,
        // The end is noticed at the next sample.
        sampleInt: 20,
        ...requests,
      },
      (error: unknown) => {
        clearTimeout(timer)
        if (error) reject(error as Error)
        else resolve(tally.result())
      },
    )
    const timer = setTimeout(() => {
      ending = true
    }, job.durationMs)
    instance.on('response', (client, status, _bytes, ms) => {
      const took = milliseconds(client, status, ms)
      if (took === undefined) return
      tally.answer(status, took)
      if (tally.refused >= refusalsMax) ending = true
      const counted = client as CountedClient
      if (ending) counted.responseMax = counted.reqsMade
    })
    instance.on('reqError', () => tally.failure())
  })
  return { tally, done }
}
