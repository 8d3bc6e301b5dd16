/** `runtime.json`: where the parts of a running embedded default are. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { birthOf, commandOf, endProcesses, isAlive } from './processes.ts'

export interface RuntimeProcess {
  readonly role: string
  readonly pid: number
}

export interface Runtime {
  readonly apiUrl: string
  readonly databaseUrl: string
  readonly redisUrl: string
  /** Of the simulator, or whatever STRIPE_API_BASE says; null: payments go to Stripe itself. */
  readonly stripeUrl: string | null
  readonly mailDir: string
  /** How often the worker looks at deadlines. */
  readonly sweepSeconds: number
  readonly processes: readonly RuntimeProcess[]
}

const serviceEntry = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const toolsEntry = fileURLToPath(new URL('main.ts', import.meta.url))

/** The program of each part, as it stands in its command line. */
export const entryOf = {
  api: serviceEntry,
  worker: serviceEntry,
  stripe: toolsEntry,
} as const
export type PartRole = keyof typeof entryOf

/** Replaces the file in one step: a reader sees the old one or the new one. It names the database's password. */
export function writeRuntime(dataDir: string, runtime: Runtime): void {
  const path = join(dataDir, 'runtime.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(runtime, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** What the file says, or undefined when there is none that can be read. */
export function readRuntime(dataDir: string): Runtime | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'runtime.json'), 'utf8')) as Runtime
  } catch {
    return undefined
  }
}

export function removeRuntime(dataDir: string): void {
  rmSync(join(dataDir, 'runtime.json'), { force: true })
}

/**
 * Ends the parts of a launcher that was killed. A process is only touched when its command
 * line is still that of our entry in that role. The stores are found by their data folders instead.
 */
export async function endLeftoverParts(
  dataDir: string,
  log: (line: string) => void,
): Promise<void> {
  const noted = readRuntime(dataDir)?.processes ?? []
  const left = noted.filter(
    ({ role, pid }) =>
      Object.hasOwn(entryOf, role) &&
      Number.isInteger(pid) &&
      isAlive(pid) &&
      birthOf(pid) !== '' &&
      commandOf(pid).endsWith(`${entryOf[role as PartRole]} ${role}`),
  )
  for (const { role, pid } of left)
    log(`ending the ${role} left behind by an earlier run (process ${pid})`)
  await endProcesses(
    left.map(({ pid }) => pid),
    [
      { signal: 'SIGTERM', waitMs: 12_000 },
      { signal: 'SIGKILL', waitMs: 2_000 },
    ],
  )
  removeRuntime(dataDir)
}
