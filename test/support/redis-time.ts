/** Lua scripts whose time the test sets: everything else of them is as it is. */
import type { RedisClient } from '../../src/platform/redis/client.ts'
import { loadScript } from '../../src/platform/redis/script.ts'

const timeKey = 'time-of-the-test'
const nowByRedis = "redis.call('TIME')"
const nowByTest = `(function()
  local ms = tonumber(redis.call('GET', '${timeKey}'))
  return { math.floor(ms / 1000), ms % 1000 * 1000 }
end)()`

/** Makes the client's calls of these scripts take their time from {@link setRedisTime}. One server only. */
export function timeByTest(
  redis: RedisClient,
  scripts: readonly { readonly file: string; readonly keys: readonly string[] }[],
): void {
  for (const { file, keys } of scripts) {
    const lua = loadScript(file).replace(nowByRedis, nowByTest)
    redis.defineCommand(`sluice:${file}`, { lua, numberOfKeys: keys.length })
  }
}

/** Milliseconds since the epoch, whole. */
export async function setRedisTime(redis: RedisClient, ms: number): Promise<void> {
  await redis.set(timeKey, ms)
}
