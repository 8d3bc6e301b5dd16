import type { DatabasePool } from 'slonik'

/** The methods of a pool that ask PostgreSQL something. */
export const queryMethods: ReadonlySet<string> = new Set([
  'any',
  'anyFirst',
  'exists',
  'many',
  'manyFirst',
  'maybeOne',
  'maybeOneFirst',
  'one',
  'oneFirst',
  'query',
])

/** The pool, and how many queries have gone through it. Transactions are not looked into. */
export function countQueries(pool: DatabasePool): { pool: DatabasePool; taken(): number } {
  let count = 0
  const counted = new Proxy(pool, {
    get(target, name, receiver) {
      if (queryMethods.has(String(name))) count += 1
      return Reflect.get(target, name, receiver)
    },
  })
  return {
    pool: counted,
    taken() {
      const before = count
      count = 0
      return before
    },
  }
}
