/**
 * Fills a template: the same words as plain text and as HTML. `{name}` is replaced by a value. A paragraph
 * whose value is null is left out; so is one that begins with `{?name}`, where nothing else is put in.
 */
import { assert } from '../kernel/assert.ts'
import type { Language } from './languages.ts'
import { frameOf, type TemplateName, templateOf } from './templates.ts'

/** What is put in for placeholders. Null leaves paragraphs out. */
export type Values = Readonly<Record<string, string | null>>

/** A row of what was ordered or sold: `2 × Mug`, and its price. */
export interface Row {
  readonly what: string
  readonly price: string
}

/** A mail before it is written out. */
export interface Letter {
  readonly to: string
  readonly language: Language
  readonly template: TemplateName
  readonly values: Values
  /** Stands where the template says `{lines}`. */
  readonly rows?: readonly Row[]
}

export interface Written {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** Of the frame: a mail that has none leaves their paragraphs out. */
const framed: Values = { name: null, number: null, link: null, sku: null }

/** For the sender of mails. Everything from outside is escaped in HTML. @throws Error for a value that is missing. */
export function writeMail({ language, template, values, rows = [] }: Letter): Written {
  const all = { ...framed, ...values }
  const { subject, paragraphs } = templateOf(language, template)
  const kept = frameOf(language)
    .flatMap((paragraph) => (paragraph === '{body}' ? paragraphs : [paragraph]))
    .flatMap((paragraph) => keep(paragraph, all) ?? [])
  const title = oneLine(fill(subject, all, (text) => text))
  return {
    subject: title,
    text: `${kept.map((paragraph) => asText(paragraph, all, rows)).join('\n\n')}\n`,
    html: page(language, title, kept.map((paragraph) => asHtml(paragraph, all, rows)).join('\n')),
  }
}

/** The paragraph without its conditions; null when it is left out. */
function keep(paragraph: string, values: Values): string | null {
  const names = [...paragraph.matchAll(/\{\??(\w+)\}/g)].map(([, name = '']) => name)
  const missing = names.some((name) => name !== 'lines' && valueFor(name, values) === null)
  return missing ? null : paragraph.replace(/\{\?\w+\}/g, '')
}

function valueFor(name: string, values: Values): string | null {
  const value = values[name]
  assert(value !== undefined, `a mail has no value for {${name}}`)
  return value
}

function fill(text: string, values: Values, show: (value: string, name: string) => string): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => show(valueFor(name, values) ?? '', name))
}

const linesMark = /^\{lines\}\n?/

function asText(paragraph: string, values: Values, rows: readonly Row[]): string {
  const filled = fill(paragraph.replace(linesMark, ''), values, (value) => oneLine(value))
  if (!linesMark.test(paragraph)) return filled
  return [...rows.map(({ what, price }) => `${oneLine(what)}: ${price}`), filled]
    .map((line) => `  ${line}`)
    .join('\n')
}

function asHtml(paragraph: string, values: Values, rows: readonly Row[]): string {
  const rest = escapeHtml(paragraph.replace(linesMark, ''))
  const filled = fill(rest, values, (value, name) =>
    name === 'link' ? `<a href="${escapeHtml(value)}">${escapeHtml(value)}</a>` : escapeHtml(value),
  )
  if (!linesMark.test(paragraph)) return `<p>${filled}</p>`
  const cells = rows.map(
    ({ what, price }) =>
      `<tr><td>${escapeHtml(what)}</td><td align="right">${escapeHtml(price)}</td></tr>`,
  )
  return `<table cellpadding="4" style="border-collapse: collapse; width: 100%">
${cells.join('\n')}
<tr><th colspan="2" align="right">${filled}</th></tr>
</table>`
}

function page(language: Language, title: string, content: string): string {
  return `<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>
<body style="font-family: system-ui, sans-serif; line-height: 1.5; color: #1a1a1a; max-width: 36rem">
${content}
</body>
</html>
`
}

/** A name must not begin a paragraph, or a header, of its own. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}
