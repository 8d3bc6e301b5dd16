/** How a program runs one of its roles: what both entries, the service's and the development tools', share. */
import { systemClock } from '../kernel/clock.ts'

/** A role gets the words after its name; the number it returns is the exit code, none means 0. */
export type Role = (args: readonly string[]) => Promise<number | undefined>

export interface Program {
  readonly roles: Readonly<Record<string, Role>>
  readonly usage: string
  /** Errors whose message is for a person: printed as one line, without a stack. */
  readonly expected: readonly (new (
    ...args: never[]
  ) => Error)[]
}

/** A command line that cannot be run; the message is one line. */
export class UsageError extends Error {
  override name = 'UsageError'
}

const stopMs = 10_000

/** Runs the role that the first word names, then ends the process with its exit code; 1 after an error. */
export async function runProgram(program: Program, words: readonly string[]): Promise<void> {
  try {
    process.exit(await roleOf(program, words))
  } catch (error) {
    complain(describe(error, [...program.expected, UsageError]))
    process.exit(1)
  }
}

async function roleOf({ roles, usage }: Program, words: readonly string[]): Promise<number> {
  const [name = '', ...args] = words
  const role = Object.hasOwn(roles, name) ? roles[name] : undefined
  if (!role) throw new UsageError(usage)
  return (await role(args)) ?? 0
}

/**
 * Runs until SIGTERM, SIGINT or SIGHUP; a second signal ends the process at once. @throws Error when stopping takes
 * more than ten seconds.
 */
export async function serve(start: () => Promise<{ stop(): Promise<void> }>): Promise<undefined> {
  const stopping = new AbortController()
  const askToStop = () => (stopping.signal.aborted ? process.exit(1) : stopping.abort())
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, askToStop)
  const running = await start()
  while (!stopping.signal.aborted) await systemClock.sleep(3_600_000, stopping.signal)
  const overdue = systemClock.sleep(stopMs).then(() => 'overdue' as const)
  if ((await Promise.race([running.stop(), overdue])) === 'overdue') {
    throw new Error(`not stopped within ${stopMs / 1000} s: ending at once`)
  }
}

/** One line for standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** One line for standard error. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

function describe(error: unknown, expected: Program['expected']): string {
  if (!(error instanceof Error)) return String(error)
  return expected.some((kind) => error instanceof kind) ? error.message : `${error.stack}`
}
