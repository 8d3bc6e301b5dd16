/** Bad calls, made from a good one and from what the API's description says about it. */
import type { Operation } from './openapi.ts'
import type { Call } from './people.ts'

export interface BadCall {
  /** What is bad about it, for the message of a failure. */
  readonly name: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is; undefined: no body. */
  readonly raw?: string
  /** Refused for certain, with a 4xx; else it may be good by chance, and only must not break anything. */
  readonly refused: boolean
  /** Changes nothing for certain, also when it is not refused. */
  readonly harmless: boolean
}

/** Texts that break programs which take them for something simpler. */
const oddTexts: Readonly<Record<string, string>> = {
  'lone high surrogate': 'a\ud800b',
  'lone low surrogate': '\udc00',
  NUL: 'a\u0000b',
  'right to left': '\u202eabc\u2066',
  'combining marks': `e${'\u0301'.repeat(300)}`,
  'zero width': '\u200b\ufeff',
  astral: '\u{1f9ff}\u{10ffff}',
  empty: '',
  blank: ' \t\n',
  quote: `'; drop table accounts; --`,
  template: '{{7*7}}%00%n',
  prototype: '__proto__',
  long: 'x'.repeat(20_000),
}

const wrongTypes: Readonly<Record<string, readonly unknown[]>> = {
  string: [12, true, {}, ['x']],
  number: ['x', true, {}, [1]],
  boolean: ['x', 12, {}],
  array: ['x', 12, {}],
  object: ['x', 12, ['x']],
}

const oddNumbers = [null, 1.5, -1, 0, -0, 1e300, 2 ** 31, 2 ** 53, -(2 ** 53)]

/** Every bad call of an operation. Those of `good` that are equal to it are left out. */
export function badCallsOf(operation: Operation, good: Call): BadCall[] {
  return [
    ...badBodies(operation, good),
    ...badPaths(operation, good),
    ...badQueries(operation, good),
  ]
}

function badBodies(operation: Operation, good: Call): BadCall[] {
  const schema = operation.requestBody?.content['application/json']?.schema
  const base = { path: good.path, ...(good.headers && { headers: good.headers }) }
  if (!schema || !isObject(good.body)) return []
  const body = good.body
  const certain = (name: string, raw: string): BadCall => ({
    ...base,
    name,
    raw,
    refused: true,
    harmless: true,
  })
  const calls = [
    certain('broken JSON', '{"a":'),
    certain('JSON null', 'null'),
    certain('JSON array', '[]'),
    certain('JSON text', '"x"'),
    certain('JSON number', '12'),
    certain('a large body', JSON.stringify({ ...body, pad: 'x'.repeat(100_000) })),
    certain('deep nesting', `${'['.repeat(20_000)}${']'.repeat(20_000)}`),
    certain('__proto__', '{"__proto__":{"role":"admin"}}'),
  ]
  if (schema.additionalProperties === false) {
    calls.push(certain('an unknown member', JSON.stringify({ ...body, surprise: 1 })))
    calls.push(certain('a member of others', JSON.stringify({ ...body, sellerId: 'x', id: 'x' })))
  }
  for (const name of schema.required ?? []) {
    const { [name]: _missing, ...rest } = body
    calls.push(certain(`${name} is missing`, JSON.stringify(rest)))
  }
  for (const { name, value, refused } of badValues(body, '')) {
    calls.push({ ...base, name, raw: JSON.stringify(value), refused, harmless: refused })
  }
  return calls
}

interface BadValue {
  readonly name: string
  readonly value: unknown
  readonly refused: boolean
}

/** The value with one thing in it changed, for everything in it. */
function badValues(value: unknown, at: string): BadValue[] {
  const type = Array.isArray(value) ? 'array' : typeof value
  const own = at === '' ? [] : (wrongTypes[type] ?? []).map((bad) => wrong(at, bad, true))
  if (type === 'string') {
    own.push(wrong(at, null, false))
    for (const [name, text] of Object.entries(oddTexts)) {
      own.push({ ...wrong(at, text, false), name: `${at}: ${name}` })
    }
  }
  if (type === 'number') own.push(...oddNumbers.map((bad) => wrong(at, bad, false)))
  if (Array.isArray(value)) {
    const [first] = value
    own.push(wrong(at, [], false), wrong(at, Array(5_000).fill(0), true))
    for (const inner of badValues(first, `${at}[0]`)) own.push({ ...inner, value: [inner.value] })
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      for (const inner of badValues(member, at === '' ? key : `${at}.${key}`)) {
        own.push({ ...inner, value: { ...value, [key]: inner.value } })
      }
    }
  }
  return own
}

function wrong(at: string, value: unknown, refused: boolean): BadValue {
  return { name: `${at}: ${JSON.stringify(value)?.slice(0, 40)}`, value, refused }
}

/** Ids that are not there, or are none. */
const oddSegments = [
  'x',
  '0',
  '-1',
  '00000000-0000-0000-0000-000000000000',
  '01890000-0000-7000-8000-000000000000',
  '%00',
  'a%00b',
  '%ff',
  '%',
  '%zz',
  '..%2f..%2fetc%2fpasswd',
  '%E2%80%AEabc',
  '%ED%A0%80',
  '%27%3B%20drop%20table',
  '__proto__',
  'constructor',
  'x'.repeat(199),
  'x'.repeat(3_000),
]

/** Segments of the good path that a template's parameters stand for, each replaced. */
function badPaths(operation: Operation, good: Call): BadCall[] {
  const names = operation.parameters.filter((parameter) => parameter.in === 'path')
  const [path = '', query] = good.path.split('?')
  const parts = path.split('/')
  const ids = parts.flatMap((part, index) => (looksLikeId(part) ? [index] : []))
  if (names.length === 0) return []
  return ids.flatMap((index) =>
    oddSegments.map((segment) => ({
      ...bodyOf(good),
      name: `path part ${index}: ${segment.slice(0, 40)}`,
      path: `${parts.with(index, segment).join('/')}${query === undefined ? '' : `?${query}`}`,
      refused: false,
      harmless: true,
    })),
  )
}

function badQueries(operation: Operation, good: Call): BadCall[] {
  const names = operation.parameters.filter(({ in: where }) => where === 'query')
  const [path = ''] = good.path.split('?')
  const values = ['', '-1', '0', '1.5', '1e309', '99999999999999999999', 'x', '%00', '%ED%A0%80']
  const more = ['%E2%80%AE', '[]', '{}', 'WzEsMl0', 'bnVsbA', 'x'.repeat(3_000)]
  return names.flatMap(({ name }) =>
    [...values, ...more].map((value) => ({
      ...bodyOf(good),
      name: `query ${name}=${value.slice(0, 40)}`,
      path: `${path}?${encodeURIComponent(name)}=${value}&${encodeURIComponent(name)}=${value}`,
      refused: false,
      harmless: true,
    })),
  )
}

function bodyOf({ body, headers }: Call): Pick<BadCall, 'raw' | 'headers'> {
  return {
    ...(body === undefined ? {} : { raw: JSON.stringify(body) }),
    ...(headers === undefined ? {} : { headers }),
  }
}

function looksLikeId(part: string): boolean {
  return /^([0-9a-f-]{36}|SKU-.*|\d{5,}|evt_.*)$/.test(part)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
