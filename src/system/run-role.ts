/** How a program runs one of its roles: what both entries, the service's and the development tools', share. */
import { systemClock } from '../kernel/clock.ts'
import {
  type Accepted,
  type CommandLine,
  nearest,
  readCommandLine,
  UsageError,
} from './command-line.ts'

export interface Role extends Accepted {
  /** What `--help` says below the first line. */
  readonly help: string
  /** Exit code for a command line that cannot be run; default 1. */
  readonly refusedCode?: number
  /** The number it returns is the exit code, none means 0. */
  readonly run: (line: CommandLine) => Promise<number | undefined>
}

export interface Program {
  readonly roles: Readonly<Record<string, Role>>
  readonly usage: string
  /** Errors whose message is for a person: printed as one line, without a stack. */
  readonly expected: readonly (new (
    ...args: never[]
  ) => Error)[]
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

async function roleOf(program: Program, words: readonly string[]): Promise<number> {
  const [name = '', ...args] = words
  if (name === '--help' || name === '-h') {
    say(program.usage)
    return 0
  }
  const role = Object.hasOwn(program.roles, name) ? program.roles[name] : undefined
  if (!role) {
    const meant = nearest(name, Object.keys(program.roles))
    throw new UsageError(meant ? `${program.usage} (did you mean ${meant}?)` : program.usage)
  }
  const line = lineOf(role, args)
  if (typeof line === 'number') return line
  if (line.help) say(`usage: ${role.command}${usageOf(role)}\n\n${role.help}`)
  return line.help ? 0 : ((await role.run(line)) ?? 0)
}

function lineOf(role: Role, args: readonly string[]): CommandLine | number {
  try {
    return readCommandLine(args, role)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    complain(error.message)
    return role.refusedCode ?? 1
  }
}

/** What may follow the command, in short. */
function usageOf({ words = [], flags = {} }: Role): string {
  const options = Object.entries(flags).map(([name, { type }]) =>
    type === 'string' ? `[--${name} ${name.toUpperCase()}]` : `[--${name}]`,
  )
  const all = [...(words.length > 0 ? [`[${words.join(' | ')}]`] : []), ...options]
  return all.length === 0 ? '' : ` -- ${all.join(' ')}`
}

/**
 * Runs until SIGTERM, SIGINT or SIGHUP, of which `start` hears by its signal; a second one ends the process at once.
 * @throws Error when stopping takes more than ten seconds.
 */
export async function serve(
  start: (signal: AbortSignal) => Promise<{ stop(): Promise<void> }>,
): Promise<undefined> {
  const stopping = new AbortController()
  const askToStop = () => (stopping.signal.aborted ? process.exit(1) : stopping.abort())
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, askToStop)
  const running = await start(stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error
  })
  if (!running) return
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
