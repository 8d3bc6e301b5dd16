/** Whole purchases as fast as they are answered: a checkout that waits for its commit, then its payment. */
import type autocannon from 'autocannon'
import { type RunningLoad, runCannon } from './cannon.ts'
import type { LoadJob } from './job.ts'
import { requestMaker } from './requests.ts'

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
  const reservedMs = new Map<autocannon.Client, number>()
  const requests: autocannon.Request[] = [
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
  ]
  return runCannon(job, { requests }, (client, status, ms) => {
    if (status === 201) {
      reservedMs.set(client, ms)
      return undefined
    }
    const took = ms + (reservedMs.get(client) ?? 0)
    reservedMs.delete(client)
    return took
  })
}
