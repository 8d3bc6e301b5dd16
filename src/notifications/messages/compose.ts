/** The frame that all mails share: the same words as plain text and as HTML. */
import { formatMoney } from '../../kernel/currency.ts'
import type { OrderFacts } from './order-facts.ts'

export interface MessageParts {
  readonly subject: string
  /** Paragraphs before and after the list of what was ordered. */
  readonly before: readonly string[]
  readonly after: readonly string[]
}

export interface Message {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** Puts a message about an order together. Everything from outside is escaped in HTML. */
export function composeMessage(order: OrderFacts, parts: MessageParts): Message {
  const greeting = greetingOf(order.name)
  const lines = order.lines.map(({ title, quantity, unitPrice }) => ({
    what: `${quantity} × ${title}`,
    price: formatMoney(unitPrice * quantity, order.currency),
  }))
  const total = formatMoney(order.total, order.currency)
  const list = lines.map(({ what, price }) => `  ${what}: ${price}`)
  const text = [
    greeting,
    ...parts.before,
    [...list, `  Total: ${total}`].join('\n'),
    ...parts.after,
    `Order ${order.number}`,
  ].join('\n\n')
  return {
    subject: parts.subject,
    text: `${text}\n`,
    html: page(greeting, lines, total, order, parts),
  }
}

export interface NoteParts {
  readonly subject: string
  readonly paragraphs: readonly string[]
  /** What it is about, in small print. */
  readonly about: string
}

/** Puts a message together that is about no order. */
export function composeNote(name: string | null, parts: NoteParts): Message {
  const { subject, paragraphs, about } = parts
  const greeting = greetingOf(name)
  return {
    subject,
    text: `${[greeting, ...paragraphs, about].join('\n\n')}\n`,
    html: frame(subject, greeting, htmlOf(paragraphs), about),
  }
}

function page(
  greeting: string,
  lines: readonly { readonly what: string; readonly price: string }[],
  total: string,
  order: OrderFacts,
  parts: MessageParts,
): string {
  const row = (left: string, right: string, cell: 'td' | 'th') =>
    `<tr><${cell} align="left">${escapeHtml(left)}</${cell}><${cell} align="right">${escapeHtml(right)}</${cell}></tr>`
  const content = `${htmlOf(parts.before)}
<table cellpadding="4" style="border-collapse: collapse; width: 100%">
${lines.map(({ what, price }) => row(what, price, 'td')).join('\n')}
${row('Total', total, 'th')}
</table>
${htmlOf(parts.after)}`
  return frame(parts.subject, greeting, content, `Order ${order.number}`)
}

const greetingOf = (name: string | null) => (name ? `Hello ${name},` : 'Hello,')

const htmlOf = (paragraphs: readonly string[]) =>
  paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`).join('\n')

function frame(subject: string, greeting: string, content: string, about: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>
<body style="font-family: system-ui, sans-serif; line-height: 1.5; color: #1a1a1a; max-width: 36rem">
<p>${escapeHtml(greeting)}</p>
${content}
<p style="color: #666">${escapeHtml(about)}</p>
</body>
</html>
`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}
