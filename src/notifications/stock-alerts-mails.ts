/** The words of the mails about stock. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import type { OutboxEvent, OutboxPayload } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'
import { PermanentFailure } from '../platform/retries.ts'
import { textOf } from './mail-topics.ts'
import { composeNote, type Message } from './messages/compose.ts'

const Facts = z.object({
  key: z.string(),
  email: z.string(),
  name: z.string(),
  sku: z.string(),
  title: z.string(),
})

/** Whom a mail about stock goes to, and about which product. */
export type StockFacts = z.infer<typeof Facts>

/** Of those events that name an account and a SKU, by key; without those whose account or product is gone. */
export async function readStockFacts(
  pool: CommonQueryMethods,
  events: readonly OutboxEvent[],
): Promise<ReadonlyMap<string, StockFacts>> {
  const rows = events.flatMap(({ key, payload }) => {
    const [sku, accountId] = [textOf(payload, 'sku'), textOf(payload, 'accountId')]
    return sku === undefined || accountId === undefined ? [] : [[key, sku, accountId]]
  })
  if (rows.length === 0) return new Map()
  const found = await pool.any(sql.type(Facts)`
    select e.key, a.email, a.name, v.sku, p.title
      from ${sql.unnest(rows, ['text', 'text', 'uuid'])} as e (key, sku, account_id)
      join accounts a on a.id = e.account_id and a.erased_at is null
      join variants v on v.sku = e.sku
      join products p on p.id = v.product_id`)
  return new Map(found.map((facts) => [facts.key, facts]))
}

/** @throws PermanentFailure for a message that is not about stock. */
export function stockMessage(
  { message, units }: OutboxPayload,
  { name, sku, title }: StockFacts,
): Message {
  const about = `SKU ${sku}`
  switch (message) {
    case 'low-stock':
      return composeNote(name, {
        subject: `${title} is running low`,
        paragraphs: [
          units === 0 ? `${title} is sold out.` : `${title} has ${units} free units left.`,
          'You will hear of it again when it has been restocked and runs low once more.',
        ],
        about,
      })
    case 'back-in-stock':
      return composeNote(name, {
        subject: `${title} is in stock again`,
        paragraphs: [
          `${title} is there again. You asked us to tell you.`,
          'Nothing is set aside for you: whoever checks out first gets it.',
        ],
        about,
      })
    default:
      throw new PermanentFailure(`there is no message ${String(message)}`)
  }
}
