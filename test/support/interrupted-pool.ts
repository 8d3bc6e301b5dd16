import type { DatabasePool } from 'slonik'
import { queryMethods } from './counted-pool.ts'

type Query = (...args: unknown[]) => Promise<unknown>

/** The pool, where `happens` comes to pass after its first query was answered, and before anybody reads the answer. */
export function afterFirstQuery(pool: DatabasePool, happens: () => Promise<unknown>): DatabasePool {
  let answered = false
  return new Proxy(pool, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver)
      if (answered || !queryMethods.has(String(name))) return member
      answered = true
      return async (...args: unknown[]) => {
        const answer = await (member as Query).apply(target, args)
        await happens()
        return answer
      }
    },
  })
}
