import { badParameter } from './failure.ts'
import type { Form } from './form.ts'
import { limits } from './limits.ts'
import { searchParams } from './parameters.ts'
import type { PaymentIntentRecord } from './records.ts'
import { renderSnapshot } from './render.ts'
import type { SearchIndex } from './search-index.ts'
import { readQuery } from './search-query.ts'

/** A page of what `query` finds, the newest first; `page` is the `next_page` of the one before. */
export function searchIntents(index: SearchIndex, form: Form): string {
  form.onlyKnows(searchParams)
  const matches = readQuery(form.required('query'))
  const limit = form.whole('limit') ?? 10
  if (limit < 1 || limit > limits.pageSize) {
    throw badParameter('limit', `limit must be between 1 and ${limits.pageSize}`)
  }
  const page = form.text('page')
  const after = page === undefined ? undefined : Buffer.from(page, 'base64url').toString()
  const found: PaymentIntentRecord[] = []
  for (const record of index.newestFirst(after)) {
    if (!matches(record)) continue
    found.push(record)
    if (found.length > limit) break
  }
  const data = found.slice(0, limit)
  const more = found.length > limit
  const last = data.at(-1)?.id ?? ''
  return JSON.stringify({
    object: 'search_result',
    data: data.map((record) => renderSnapshot({ kind: 'pi', record })),
    has_more: more,
    next_page: more ? Buffer.from(last).toString('base64url') : null,
    url: '/v1/payment_intents/search',
  })
}
