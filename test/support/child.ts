/** Runs one of our own programs as a child of a test. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export interface Child {
  readonly pid: number
  /** Everything it has said so far, both outputs. */
  readonly said: () => string
  /** Its exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>
  readonly process: ChildProcess
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Starts `entry` (a path from the project's root) with Node; it is killed at the end of the test. */
export function startChild(
  t: Pick<TestContext, 'after'>,
  entry: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Child {
  const child = spawn(process.execPath, [`${root}${entry}`, ...args], {
    env: { ...forOurPrograms(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      said += data
    })
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { pid: child.pid ?? 0, said: () => said, ended, process: child }
}

/** What a program of ours needs of our environment: nothing else of the caller's may reach it. */
export function forOurPrograms(): Record<string, string> {
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  return NODE_COMPILE_CACHE === undefined ? { PATH } : { PATH, NODE_COMPILE_CACHE }
}
