/** Mails to buyers about their orders. */
import type { CommonQueryMethods } from 'slonik'
import { formatMoney } from '../kernel/currency.ts'
import { isUuid } from '../kernel/ids.ts'
import type { OutboxEvent } from '../platform/outbox.ts'
import { type Language, storedLanguage } from './languages.ts'
import type { LetterContext, Letters } from './letters.ts'
import {
  type OrderFacts,
  type RefundFacts,
  readOrderFacts,
  readRefundFacts,
} from './order-facts.ts'
import { textOf } from './text-of.ts'
import { moneyWord, moneyWords, type OrderMessage, trueTemplate } from './true-words.ts'
import type { Letter, Row } from './write-mail.ts'

/**
 * For the sender of mails: by event key; without those that are not true any more, and those whose buyer is
 * gone. Rejects with PostgreSQL's errors.
 */
export async function orderLetters(
  pool: CommonQueryMethods,
  events: readonly OutboxEvent[],
  context: LetterContext,
): Promise<Letters> {
  const idsOf = (member: string) =>
    events.map(({ payload }) => textOf(payload, member) ?? '').filter(isUuid)
  const orders = await readOrderFacts(pool, idsOf('orderId'))
  const refunds = await readRefundFacts(pool, idsOf('refundId'))
  const letters = new Map<string, Letter>()
  for (const event of events) {
    const order = orders.get(textOf(event.payload, 'orderId') ?? '')
    const refund = refunds.get(textOf(event.payload, 'refundId') ?? '') ?? null
    const letter = order && letterOf(event, order, refund, context)
    if (letter) letters.set(event.key, letter)
  }
  return letters
}

function letterOf(
  { payload }: OutboxEvent,
  order: OrderFacts,
  refund: RefundFacts | null,
  { orderLink }: LetterContext,
): Letter | null {
  const template = trueTemplate(payload.message as OrderMessage, payload, order, refund)
  if (template === null || order.email === null) return null
  const language = storedLanguage(order.locale)
  const money = (minor: number) => formatMoney(minor, order.currency, language)
  const told = typeof payload.amount === 'number' ? payload.amount : order.total
  const word = moneyWord(order.payment)
  return {
    to: order.email,
    language,
    template,
    rows: rowsOf(order.lines, order.currency, language),
    values: {
      ...Object.fromEntries(moneyWords.map((each) => [each, each === word ? '' : null])),
      name: order.name,
      number: `${order.number}`,
      link: orderLink(order.id),
      total: money(order.total),
      amount: money(refund?.amount ?? told),
      refunded: money(order.payment?.refunded ?? 0),
      card: cardText(order.payment?.card ?? null),
    },
  }
}

/** For all letters that list what was ordered or sold; prices in minor units. Never throws. */
export function rowsOf(
  lines: readonly {
    readonly title: string
    readonly quantity: number
    readonly unitPrice: number
  }[],
  currency: string,
  language: Language,
): Row[] {
  return lines.map(({ title, quantity, unitPrice }) => ({
    what: `${quantity} × ${title}`,
    price: formatMoney(unitPrice * quantity, currency, language),
  }))
}

/** `visa` and `4242` are written as Visa •••• 4242. */
function cardText(card: { readonly brand: string; readonly last4: string } | null): string | null {
  if (card === null) return null
  const { brand, last4 } = card
  return `${brand.slice(0, 1).toUpperCase()}${brand.slice(1)} •••• ${last4}`
}
