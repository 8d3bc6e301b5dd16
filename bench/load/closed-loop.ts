/** Load as fast as it is answered: each connection sends its next request when the last one is answered. */
import type autocannon from 'autocannon'
import { type RunningLoad, runCannon } from './cannon.ts'
import type { LoadJob } from './job.ts'
import { type RequestParts, readsOf, requestMaker } from './requests.ts'
import { webhookMaker } from './webhook-requests.ts'

/** Runs a job in which every answer counts. */
export function runClosedLoop(job: LoadJob): RunningLoad {
  return runCannon(job, requestsOf(job), (_client, _status, ms) => ms)
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
