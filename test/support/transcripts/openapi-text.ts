/**
 * The API's description of itself as two texts: what programs rely on, and the words for people. Equal schemas
 * are written down once.
 */
import { z } from 'zod'

const Document = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({}))),
})

const Operation = z.looseObject({ responses: z.record(z.string(), z.unknown()) })
const ProblemResponse = z.strictObject({
  content: z.strictObject({ 'application/problem+json': z.strictObject({ schema: z.string() }) }),
})

const forPeople = new Set(['description', 'summary', 'title'])

/** Names for schemas that occur more than once. */
type Shared = ReadonlyMap<string, string>

export function describeOpenApi(json: string): { readonly shape: string; readonly words: string } {
  const { paths, ...rest } = Document.parse(JSON.parse(json))
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
    ),
  )
  // In which order the routes are registered is nobody's business.
  operations.sort(([a], [b]) => (placeOf(a) < placeOf(b) ? -1 : 1))
  const shared = sharedIn(operations.map(([, operation]) => operation))
  const shape = [
    `## Document\n\n${pretty(withoutWords(rest))}`,
    ...operations.map(([name, operation]) => `## ${name}\n\n${shapeOf(operation, shared)}`),
    ...[...shared].map(([schema, name]) => `## ${name}\n\n${pretty(JSON.parse(schema))}`),
  ]
  return {
    shape: `${shape.join('\n\n')}\n`,
    words: listWords([['document', rest], ...operations]),
  }
}

function placeOf(operation: string): string {
  return operation.split(' ').reverse().join(' ')
}

function shapeOf(operation: unknown, shared: Shared): string {
  const replaced = mapSchemas(withoutWords(operation), (schema) => {
    const name = shared.get(JSON.stringify(schema))
    return name === undefined ? schema : `<${name}>`
  })
  const { responses, ...rest } = Operation.parse(replaced)
  const problems = Map.groupBy(Object.keys(responses), (status) => problemIn(responses[status]))
  const others = (problems.get(null) ?? []).map((status) => [status, responses[status]])
  problems.delete(null)
  const named = [...problems].map(([schema, statuses]) => [`problems ${schema}`, statuses])
  return pretty({ ...rest, responses: Object.fromEntries([...others, ...named]) })
}

/** The name of its schema when a response is a problem and nothing else. */
function problemIn(response: unknown): string | null {
  const problem = ProblemResponse.safeParse(response)
  return problem.success ? problem.data.content['application/problem+json'].schema : null
}

function sharedIn(operations: readonly unknown[]): Shared {
  const counts = new Map<string, number>()
  for (const operation of operations) {
    mapSchemas(withoutWords(operation), (schema) => {
      const key = JSON.stringify(schema)
      counts.set(key, (counts.get(key) ?? 0) + 1)
      return schema
    })
  }
  const several = [...counts].filter(([schema, count]) => count > 1 && schema.length > 80)
  return new Map(several.map(([schema], index) => [schema, `Schema ${index + 1}`]))
}

/** The value with every member `schema` replaced. */
function mapSchemas(value: unknown, map: (schema: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => mapSchemas(each, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === 'schema' ? map(member) : mapSchemas(member, map),
    ]),
  )
}

/** A member `title` that is no text is a property of this name, and stays. */
function withoutWords(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutWords)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, member]) => !isWord(name, member))
      .map(([name, member]) => [name, withoutWords(member)]),
  )
}

/** Each text once, with the first place where it stands. */
function listWords(described: readonly (readonly [string, unknown])[]): string {
  const places = new Map<string, { readonly first: string; count: number }>()
  for (const [name, value] of described) {
    for (const [place, text] of wordsIn(value, name)) {
      const known = places.get(text)
      if (known) known.count += 1
      else places.set(text, { first: place, count: 1 })
    }
  }
  const lines = [...places].map(
    ([text, { first, count }]) => `${first}${count > 1 ? ` (and ${count - 1} more)` : ''}: ${text}`,
  )
  return `${lines.join('\n')}\n`
}

function wordsIn(value: unknown, at: string): (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) =>
    isWord(name, member)
      ? [[`${at} ${name}`, String(member)] as const]
      : wordsIn(member, `${at} ${name}`),
  )
}

function isWord(name: string, member: unknown): boolean {
  return forPeople.has(name) && typeof member === 'string'
}

/** Lists of plain values stand on one line. */
function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replace(/\[[^[\]{}]*\]/g, (list) =>
    list.includes('\n') ? JSON.stringify(JSON.parse(list)).replaceAll(',', ', ') : list,
  )
}
