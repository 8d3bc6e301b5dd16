/** Load as fast as it is answered: each connection sends its next request when the last one is answered. */
import autocannon from 'autocannon'
import type { LoadJob, LoadResult } from './job.ts'
import { type RequestParts, readsOf, requestMaker } from './requests.ts'
import { Tally } from './tally.ts'
import { webhookMaker } from './webhook-requests.ts'

/** What autocannon's client counts, and the limit at which it ends itself; neither is in its types. */
export type CountedClient = autocannon.Client & { reqsMade: number; responseMax?: number }

export const answerSeconds = 30
export const failuresMax = 2_000
/** Beyond the end of the load, for answers that are still out. */
export const drainMs = 35_000

export interface RunningLoad {
  readonly tally: Tally
  readonly done: Promise<LoadResult>
}

/**
 * Runs a job over autocannon. At the end connections are not cut: each one gets its last answer and then
 * stops, so that every request that was sent is counted.
 */
export function runClosedLoop(job: LoadJob): RunningLoad {
  const refusalsMax = job.stopAfterRefusals ?? Number.POSITIVE_INFINITY
  const tally = new Tally()
  const clients = new Set<CountedClient>()
  let ending = false
  const end = () => {
    ending = true
    for (const client of clients) client.responseMax = client.reqsMade
  }
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
        ...requestsOf(job),
      },
      (error: unknown) => {
        clearTimeout(timer)
        if (error) reject(error as Error)
        else resolve(tally.result())
      },
    )
    const timer = setTimeout(end, job.durationMs)
    instance.on('response', (client, status, _bytes, ms) => {
      tally.answer(status, ms)
      const counted = client as CountedClient
      clients.add(counted)
      if (ending) counted.responseMax = counted.reqsMade
      else if (tally.refused >= refusalsMax) end()
    })
    instance.on('reqError', () => tally.failure())
  })
  return { tally, done }
}

function requestsOf(job: LoadJob): Pick<autocannon.Options, 'requests' | 'setupClient'> {
  if (job.kind === 'reads') {
    const reads = readsOf(job).map((path) => ({ method: 'GET' as const, path }))
    let clients = 0
    return {
      requests: reads,
      // Each connection begins elsewhere, so that they do not all ask for the same thing at once.
      setupClient: (client) => {
        const start = (clients++ * 7) % reads.length
        client.setRequests([...reads.slice(start), ...reads.slice(0, start)])
      },
    }
  }
  const next = job.kind === 'webhooks' ? webhookMaker(job) : buyerMaker(job)
  const setupRequest = (request: autocannon.Request) => ({ ...request, ...next() })
  return { requests: [{ method: 'POST', path: job.path, setupRequest }] }
}

function buyerMaker(job: LoadJob): () => RequestParts {
  const { bodyHeaders, next } = requestMaker(job)
  return () => {
    const { token, key } = next()
    return {
      headers: { ...bodyHeaders, authorization: token, 'idempotency-key': key },
      body: job.body,
    }
  }
}
