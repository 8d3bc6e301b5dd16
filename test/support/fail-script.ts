import assert from 'node:assert/strict'
import type { RedisClient } from '../../src/platform/redis/client.ts'

/** Makes calls of a script fail, before or after Redis has carried them out. */
export function failScript(
  redis: RedisClient,
  file: string,
  { times = 1, after = false }: { times?: number; after?: boolean } = {},
): { readonly failed: () => number; readonly stop: () => void } {
  const commands = redis as RedisClient & Record<string, (...args: unknown[]) => Promise<unknown>>
  const name = `sluice:${file}`
  const original = commands[name]
  assert.ok(original, `${file} was not called before`)
  let failed = 0
  commands[name] = async (...args) => {
    if (failed >= times) return original.apply(redis, args)
    failed++
    if (after) await original.apply(redis, args)
    throw new Error(`${file} fails by order of the test`)
  }
  return {
    failed: () => failed,
    stop: () => {
      commands[name] = original
    },
  }
}
