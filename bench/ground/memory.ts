/** Memory of the API process and of Redis. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { RedisClient } from '../../src/platform/redis/client.ts'

/** Lets the kernel forget a process's peak so far, where it can (Linux, own process). */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // The peak then covers the whole life of the process: an upper bound.
  }
}

/** Peak resident memory of a process in MB, as the kernel keeps it; undefined where there is no /proc. */
export function peakRssMb(pid: number): number | undefined {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return line ? Number(line[1]) / 1024 : undefined
  } catch {
    return undefined
  }
}

/** Bytes that Redis uses for data and connections right now. */
export async function redisUsedBytes(redis: RedisClient): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1] ?? 0)
}
