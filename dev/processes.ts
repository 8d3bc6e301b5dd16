/** Looking at and ending processes by id, without ever touching one that is not ours. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { systemClock } from '../src/kernel/clock.ts'
import { readText } from './read-text.ts'

export interface EndStep {
  readonly signal: NodeJS.Signals
  /** How long the process may take to obey before the next step. Milliseconds. */
  readonly waitMs: number
}

const onLinux = process.platform === 'linux'

/** Whether `pid` runs. A zombie does not: it holds no file, port or lock any more. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return !isZombie(pid)
}

/** Whether `pid` has ended and only waits for its parent to take note. */
function isZombie(pid: number): boolean {
  return onLinux ? statOf(pid)?.[0] === 'Z' : ps(pid, 'stat').startsWith('Z')
}

/** The command line of `pid`, words joined by spaces; empty when it is gone. */
export function commandOf(pid: number): string {
  if (!onLinux) return ps(pid, 'command')
  return readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
}

/** A text that differs for two processes that had the same id one after the other. */
export function birthOf(pid: number): string {
  return onLinux ? (statOf(pid)?.[19] ?? '') : ps(pid, 'lstart')
}

/**
 * Processes whose program is called `name` and which work in the folder `dir`: what a launcher that was
 * killed has left behind. Uses the working directory, which both servers set to their data folder;
 * where the system does not show it, the id noted in `pidFile` and the command line.
 */
export function leftoversIn(dir: string, name: string, pidFile: string): number[] {
  if (onLinux) {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter(
        (pid) => workingDirectory(pid) === dir && readText(`/proc/${pid}/comm`).trim() === name,
      )
  }
  const pid = Number.parseInt(readText(pidFile), 10)
  return Number.isInteger(pid) && pid > 1 && isAlive(pid) && commandOf(pid).includes(name)
    ? [pid]
    : []
}

/** Sends signals of growing force until none of `pids` is alive. Returns the ids that outlived them all. */
export async function endProcesses(
  pids: readonly number[],
  steps: readonly EndStep[],
): Promise<number[]> {
  let alive = pids.filter(isAlive)
  for (const step of steps) {
    for (const pid of alive) signalQuietly(pid, step.signal)
    const deadline = systemClock.monotonic() + step.waitMs
    alive = alive.filter(isAlive)
    while (alive.length > 0 && systemClock.monotonic() < deadline) {
      await systemClock.sleep(10)
      alive = alive.filter(isAlive)
    }
    if (alive.length === 0) return []
  }
  return alive
}

/** Sends `signal`; a process that is gone already is no error. */
export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Fields of /proc/<pid>/stat after the program's name: state first, start time twentieth. */
function statOf(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`)
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

function ps(pid: number, column: string): string {
  return spawnSync('ps', ['-o', `${column}=`, '-p', String(pid)], {
    encoding: 'utf8',
  }).stdout.trim()
}
