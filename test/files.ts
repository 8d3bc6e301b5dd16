/**
 * Runs test files with node's own runner: those named, or all of them. `test/run.ts` starts it with the stores
 * and node's options for tests.
 */
import { existsSync, globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { inOrder } from './groups.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A test waits for a third of its time: one more than there are cores keeps all of them busy. */
const concurrencyDefault = availableParallelism() + 1
/** For each test. */
const timeout = 180_000
/** For all tests of a file, or of a group, together. */
const timeoutTogether = 600_000

const args = process.argv.slice(2)
const options = args.filter((arg) => arg.startsWith('--'))
const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => stopped.abort())
}

const running = run({
  files: chosen(args.filter((arg) => !arg.startsWith('--'))),
  cwd: root,
  concurrency: concurrencyOf(options) ?? concurrencyDefault,
  timeout: timeoutTogether,
  // Later ones win: --test-name-pattern, --test-only and the like work as with node's own command.
  execArgv: [`--test-timeout=${timeout}`, ...options],
  signal: stopped.signal,
})
running.on('test:fail', ({ todo }) => {
  if (!todo) process.exitCode = 1
})
running.compose(spec).pipe(process.stdout)

/** @throws Error when there is no such file. */
function chosen(wanted: readonly string[]): string[] {
  const found = (wanted.length > 0 ? wanted : inOrder).flatMap((pattern) => {
    const matching = existsSync(pattern) ? [pattern] : globSync(pattern, { cwd: root }).sort()
    if (matching.length === 0) throw new Error(`there is no test file ${pattern}`)
    return matching
  })
  return [...new Set(found)]
}

function concurrencyOf(options: readonly string[]): number | undefined {
  const option = options.findLast((each) => each.startsWith('--test-concurrency='))
  return option === undefined ? undefined : Number(option.split('=')[1])
}
