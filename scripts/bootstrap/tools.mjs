import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
export const cache = join(root, '.cache')

export const say = (line) => console.error(`sluice: ${line}`)

/** The first program of that name on PATH. */
export function onPath(name) {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    if (dir === '') continue
    const path = join(dir, name)
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {}
  }
  return undefined
}

/** Runs a program to its end. Its output is returned, not shown; a time-out counts as a failure. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 600_000, ...options })
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim()
  const ok = result.status === 0
  return { ok, output: output || (result.error?.message ?? ''), stdout: result.stdout ?? '' }
}

/** Words to put before a command that needs root; undefined when there is no way to be it. */
export function asRoot() {
  if (process.getuid?.() === 0) return []
  const sudo = onPath('sudo')
  return sudo && run(sudo, ['-n', 'true'], { timeout: 5_000 }).ok ? [sudo, '-n'] : undefined
}

/**
 * Runs `work` while no other bootstrap of this clone does. The lock of one that died is taken over; one
 * that lives is waited for, up to 15 minutes.
 */
export async function exclusively(work) {
  mkdirSync(cache, { recursive: true })
  const lock = join(cache, 'bootstrap.lock')
  const deadline = Date.now() + 15 * 60_000
  let told = false
  while (!take(lock)) {
    const holder = holderOf(lock)
    if (holder !== undefined && !alive(holder)) {
      rmSync(lock, { recursive: true, force: true })
      continue
    }
    if (Date.now() > deadline)
      throw new Error(`${lock} is held by process ${holder}: end it, or remove the folder`)
    if (!told) say(`waiting for process ${holder ?? '(starting)'}, which is preparing this folder`)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

function take(lock) {
  try {
    mkdirSync(lock)
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
  writeFileSync(join(lock, 'pid'), String(process.pid))
  return true
}

/** The process that holds the lock; 0 when it died before it could say so. */
function holderOf(lock) {
  try {
    return Number(readFileSync(join(lock, 'pid'), 'utf8'))
  } catch {
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    return made !== undefined && Date.now() - made > 5_000 ? 0 : undefined
  }
}

function alive(pid) {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}
