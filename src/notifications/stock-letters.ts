/** Mails about stock. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import type { OutboxEvent, OutboxPayload } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'
import { storedLanguage } from './languages.ts'
import type { Letters } from './letters.ts'
import { textOf } from './text-of.ts'
import type { Letter } from './write-mail.ts'

const Facts = z.object({
  key: z.string(),
  email: z.string(),
  name: z.string(),
  locale: z.string().nullable(),
  sku: z.string(),
  title: z.string(),
})
type Facts = z.infer<typeof Facts>

/**
 * For the sender of mails: by event key; without those whose account or product is gone. Rejects with
 * PostgreSQL's errors.
 */
export async function stockLetters(
  pool: CommonQueryMethods,
  events: readonly OutboxEvent[],
): Promise<Letters> {
  const payloads = new Map(events.map(({ key, payload }) => [key, payload]))
  const rows = events.flatMap(({ key, payload }) => {
    const [sku, accountId] = [textOf(payload, 'sku'), textOf(payload, 'accountId')]
    return sku === undefined || accountId === undefined ? [] : [[key, sku, accountId]]
  })
  if (rows.length === 0) return new Map()
  const found = await pool.any(sql.type(Facts)`
    select e.key, a.email, a.name, a.locale, v.sku, p.title
      from ${sql.unnest(rows, ['text', 'text', 'uuid'])} as e (key, sku, account_id)
      join accounts a on a.id = e.account_id and a.erased_at is null
      join variants v on v.sku = e.sku
      join products p on p.id = v.product_id`)
  return new Map(found.map((facts) => [facts.key, letterOf(facts, payloads.get(facts.key) ?? {})]))
}

function letterOf({ email, name, locale, sku, title }: Facts, payload: OutboxPayload): Letter {
  const low = payload.message === 'low-stock'
  return {
    to: email,
    language: storedLanguage(locale),
    template: low ? 'low-stock' : 'back-in-stock',
    values: {
      ...{ name, sku, title },
      soldOut: payload.units === 0 ? '' : null,
      units: payload.units === 0 ? null : `${payload.units ?? ''}`,
    },
  }
}
