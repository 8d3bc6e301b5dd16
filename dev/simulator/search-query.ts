/** Reads Stripe's search language: `status:'succeeded' AND metadata['checkout']:'c-1'`, `amount>1000 OR -currency:"eur"`. */
import { badParameter } from './failure.ts'
import { limits } from './limits.ts'
import type { PaymentIntentRecord } from './records.ts'

const clause =
  /^(-?)(?:(metadata)\[(?:"([^"]*)"|'([^']*)')\]|(\w+))\s*(:|~|>=|<=|>|<)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([\w.-]+))\s*/

/** The fields of a PaymentIntent that Stripe documents as searchable, as far as it has them here. */
const fields: Readonly<Record<string, (record: PaymentIntentRecord) => string | number | null>> = {
  amount: ({ amount }) => amount,
  created: ({ created }) => created,
  currency: ({ currency }) => currency,
  customer: ({ customer }) => customer ?? null,
  status: ({ status }) => status,
}

type Matches = (record: PaymentIntentRecord) => boolean

/** Which records a query means. @throws StripeFailure 400 for one that cannot be read. */
export function readQuery(query: string): Matches {
  const parts: Matches[] = []
  const words = new Set<string>()
  let rest = query.trim()
  while (rest !== '') {
    const found = clause.exec(rest)
    if (!found) throw unreadable()
    parts.push(matcherOf(found))
    rest = rest.slice(found[0].length)
    if (rest === '') break
    const word = /^(AND|OR)\s+/i.exec(rest)
    // A blank between two clauses joins them as AND does.
    words.add(word?.[1]?.toUpperCase() ?? 'AND')
    rest = rest.slice(word?.[0].length ?? 0)
    if (rest === '') throw unreadable()
  }
  if (parts.length === 0 || parts.length > limits.searchClauses) throw unreadable()
  if (words.size > 1) {
    throw badParameter('query', 'AND and OR cannot be used together in one search query.')
  }
  return words.has('OR')
    ? (record) => parts.some((matches) => matches(record))
    : (record) => parts.every((matches) => matches(record))
}

function matcherOf(found: RegExpExecArray): Matches {
  const [, minus, metadata, double, single, field = '', sign = ':', ...values] = found
  const value = (values.find((each) => each !== undefined) ?? '').replace(/\\(.)/g, '$1')
  const key = double ?? single ?? ''
  const read = Object.hasOwn(fields, field) ? fields[field] : undefined
  if (!metadata && !read) {
    throw badParameter(
      'query',
      `Field \`${field}\` is an unsupported search field for resource \`payment_intents\`.`,
    )
  }
  const valueIn: (record: PaymentIntentRecord) => string | number | null = metadata
    ? (record) => record.metadata[key] ?? null
    : (read ?? (() => null))
  const test = (record: PaymentIntentRecord) => compare(valueIn(record), sign, value)
  return minus ? (record) => !test(record) : test
}

function compare(actual: string | number | null, sign: string, value: string): boolean {
  if (actual === null || value === 'null') return (actual === null) === (value === 'null')
  switch (sign) {
    case '~':
      return String(actual).toLowerCase().includes(value.toLowerCase())
    case '>':
      return Number(actual) > Number(value)
    case '>=':
      return Number(actual) >= Number(value)
    case '<':
      return Number(actual) < Number(value)
    case '<=':
      return Number(actual) <= Number(value)
    default:
      return String(actual).toLowerCase() === value.toLowerCase()
  }
}

function unreadable() {
  return badParameter(
    'query',
    'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for metadata or key:"value" to query for other fields.',
  )
}
