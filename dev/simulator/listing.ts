import type { Collection } from './collection.ts'
import { badParameter, noSuch } from './failure.ts'
import type { Form } from './form.ts'
import { limits } from './limits.ts'
import { listParams } from './parameters.ts'

export interface Page<R> {
  readonly data: readonly R[]
  readonly hasMore: boolean
}

/**
 * One page, the newest first: `limit` (1 to 100, default 10), `starting_after` or `ending_before`, and
 * `created` as a number or with gt, gte, lt, lte; of what `matches`.
 */
export function listPage<R extends { readonly id: string; readonly created: number }>(
  collection: Collection<R>,
  form: Form,
  matches: (record: R) => boolean = () => true,
): Page<R> {
  form.onlyKnows(listParams)
  const limit = form.whole('limit') ?? 10
  if (limit < 1 || limit > limits.pageSize) {
    throw badParameter('limit', `limit must be between 1 and ${limits.pageSize}`)
  }
  const after = knownId(collection, form, 'starting_after')
  const before = knownId(collection, form, 'ending_before')
  const range = createdRange(form)
  const found: R[] = []
  for (const record of collection.newestFirst(after)) {
    if (record.id === before || record.created < range.from) break
    if (record.created > range.to || !matches(record)) continue
    found.push(record)
    // Those next to the one named by ending_before are wanted: the last ones before it.
    if (before === undefined && found.length > limit) break
    if (before !== undefined && found.length > limit + 1) found.shift()
  }
  const hasMore = found.length > limit
  return { data: before === undefined ? found.slice(0, limit) : found.slice(-limit), hasMore }
}

function knownId<R extends { readonly id: string; readonly created: number }>(
  collection: Collection<R>,
  form: Form,
  param: string,
): string | undefined {
  const id = form.text(param)
  if (id !== undefined && !collection.get(id)) throw noSuch('object', id, param, 400)
  return id
}

function createdRange(form: Form): { from: number; to: number } {
  const exact = form.whole('created')
  if (exact !== undefined) return { from: exact, to: exact }
  const bound = (name: string) => form.whole(`created[${name}]`)
  const gt = bound('gt')
  const lt = bound('lt')
  return {
    from: Math.max(bound('gte') ?? 0, gt === undefined ? 0 : gt + 1),
    to: Math.min(bound('lte') ?? Infinity, lt === undefined ? Infinity : lt - 1),
  }
}
