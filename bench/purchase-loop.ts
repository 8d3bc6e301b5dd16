/** Whole purchases as fast as they are answered: a checkout that waits for its commit, then its payment. */
import autocannon from 'autocannon'
import {
  answerSeconds,
  type CountedClient,
  drainMs,
  failuresMax,
  type RunningLoad,
} from './closed-loop.ts'
import type { LoadJob, LoadResult } from './job.ts'
import { requestMaker } from './requests.ts'
import { Tally } from './tally.ts'

/** Of the one buyer that a connection is at a time. */
interface Purchase {
  token?: string
  id?: string
}

const payment = JSON.stringify({ paymentMethodId: 'pm_card_visa' })

/**
 * Runs a job of purchases. One counts by its last answer: accepted when it is confirmed. Its latency is
 * that of both calls. A purchase that has begun when the time is up is carried through.
 */
export function runPurchaseLoop(job: LoadJob): RunningLoad {
  const { bodyHeaders, next } = requestMaker(job)
  const refusalsMax = job.stopAfterRefusals ?? Number.POSITIVE_INFINITY
  const tally = new Tally()
  const clients = new Map<CountedClient, { reservedMs: number }>()
  let ending = false
  const endOf = (client: CountedClient) => {
    client.responseMax = client.reqsMade
  }
  const done = new Promise<LoadResult>((resolve, reject) => {
    const instance = autocannon(
      {
        url: job.url,
        connections: job.connections,
        duration: (job.durationMs + drainMs) / 1000,
        timeout: answerSeconds,
        bailout: failuresMax,
        sampleInt: 20,
        requests: [
          {
            method: 'POST',
            path: job.path,
            setupRequest: (request, context: Purchase) => {
              const { token, key } = next()
              context.token = token
              const headers = { ...bodyHeaders, authorization: token, 'idempotency-key': key }
              return { ...request, headers, body: job.body }
            },
            onResponse: (status, body, context: Purchase) => {
              if (status === 201) context.id = (JSON.parse(body) as { id: string }).id
            },
          },
          {
            method: 'POST',
            // Nothing to pay: the connection goes on with the next purchase.
            setupRequest: (request, { token, id }: Purchase) =>
              (token !== undefined &&
                id !== undefined && {
                  ...request,
                  path: `${job.path}/${id}/confirm`,
                  headers: { 'content-type': 'application/json', authorization: token },
                  body: payment,
                }) as autocannon.Request,
          },
        ],
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
      const counted = client as CountedClient
      const known = clients.get(counted)
      if (status === 201) {
        clients.set(counted, { reservedMs: ms })
        return
      }
      tally.answer(status, ms + (known?.reservedMs ?? 0))
      clients.delete(counted)
      if (tally.refused >= refusalsMax) ending = true
      if (ending) endOf(counted)
    })
    instance.on('reqError', () => tally.failure())
  })
  return { tally, done }
}
