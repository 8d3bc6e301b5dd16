import { createHmac, randomUUID } from 'node:crypto'
import type { LoadJob } from './job.ts'
import type { RequestParts } from './requests.ts'

/** Of ids that no payment provider gives: what a run has stored can be told from everything else. */
export const benchEventPrefix = 'evt_bench'

/**
 * Makes events of the provider, each with an id of its own and really signed; `job.body` is the event
 * with `%ID%` where the id belongs, and `job.headers` go with each.
 */
export function webhookMaker(job: LoadJob): () => RequestParts {
  const secret = job.webhookSecret
  if (secret === undefined) throw new Error('a load of webhooks needs their secret')
  const fixed = { 'content-type': 'application/json; charset=utf-8', ...job.headers }
  const parts = job.body.split('%ID%')
  return () => {
    const body = parts.join(`${benchEventPrefix}_${randomUUID().replaceAll('-', '')}`)
    const seconds = Math.floor(Date.now() / 1000)
    const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
    return { headers: { ...fixed, 'stripe-signature': `t=${seconds},v1=${signature}` }, body }
  }
}
