/** Reads the words behind a command, and says what is wrong with them in one line. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

/** A command line that cannot be run; the message is one line. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** What a command takes. `--help` and `-h` need not be listed. */
export interface Accepted {
  /** As it is typed: `npm run seed`. */
  readonly command: string
  readonly flags?: ParseArgsOptionsConfig
  /** Of these at most one may follow. */
  readonly words?: readonly string[]
}

export interface CommandLine {
  /** Whether help is asked for; then nothing else counts. */
  readonly help: boolean
  readonly word: string | undefined
  /** The value of a flag that has one. */
  value(flag: string): string | undefined
  /** Whether a flag without a value was given. */
  has(flag: string): boolean
}

/** @throws UsageError on what the command does not take; it names what was probably meant. */
export function readCommandLine(args: readonly string[], accepted: Accepted): CommandLine {
  const { command, words = [] } = accepted
  const flags: ParseArgsOptionsConfig = {
    ...accepted.flags,
    help: { type: 'boolean', short: 'h' },
  }
  const spelled = Object.keys(flags).map((name) => `--${name}`)
  const refuse = (given: string, known: readonly string[]) => {
    const meant = nearest(given, known)
    const asked = command.startsWith('npm ') ? `${command} -- --help` : `${command} --help`
    return new UsageError(
      `${given}: not known${meant === undefined ? '' : `, did you mean ${meant}?`} (${asked})`,
    )
  }
  const { tokens, values } = parseArgs({
    args: [...args],
    options: flags,
    strict: false,
    tokens: true,
  })
  let word: string | undefined
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (!words.includes(token.value)) throw refuse(token.value, words)
      if (word !== undefined) throw new UsageError(`${word} and ${token.value}: one at a time`)
      word = token.value
    }
    if (token.kind !== 'option') continue
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    if (!flag) throw refuse(token.rawName, spelled)
    if (flag.type === 'string' && token.value === undefined) {
      throw new UsageError(`${token.rawName}: a value is missing`)
    }
    if (flag.type === 'boolean' && token.value !== undefined) {
      throw new UsageError(`${token.rawName}: takes no value`)
    }
  }
  return {
    help: values.help === true,
    word,
    value: (flag) => (typeof values[flag] === 'string' ? values[flag] : undefined),
    has: (flag) => values[flag] === true,
  }
}

/** The known word that `given` is a slip of, if any: a third of its letters may be wrong, and one at least. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const letters = given.replace(/^-+/, '').toLowerCase()
  const bound = Math.max(1, Math.floor(letters.length / 3))
  const [best] = known
    .map((word) => ({ word, slips: slipsBetween(letters, word.replace(/^-+/, '')) }))
    .filter(({ slips }) => slips <= bound)
    .toSorted((a, b) => a.slips - b.slips)
  return best?.word
}

/** Letters left out, put in or exchanged, and neighbours that changed places (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let [beforeLast, last]: [number[], number[]] = [
    [],
    Array.from({ length: b.length + 1 }, (_, j) => j),
  ]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let slips = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) slips = Math.min(slips, (beforeLast[j - 2] ?? 0) + 1)
      row.push(slips)
    }
    ;[beforeLast, last] = [last, row]
  }
  return last[b.length] ?? 0
}
