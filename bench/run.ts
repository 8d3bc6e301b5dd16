/** `npm run bench`: measures, judges the guarantees, prints a table, and ends with a verdict. */
import '../src/config/node-version.ts'
import { writeFileSync } from 'node:fs'
import { ConfigError } from '../src/config/config.ts'
import { UsageError } from '../src/system/command-line.ts'
import { type Ground, ownGround, targetGround } from './ground/ground.ts'
import { cpuShareInUse, describeMachine } from './ground/machine.ts'
import { type BenchOptions, parseOptions, usage } from './ground/options.ts'
import { createProgress, type Progress } from './ground/progress.ts'
import type { BenchOutput, ScenarioResult } from './ground/results.ts'
import { planRuns } from './plan.ts'
import { judgeBars } from './report/bars.ts'
import { renderReport } from './report/report.ts'
import { summarise } from './report/summary.ts'
import { runStrategy } from './strategy-run.ts'

async function bench(
  options: BenchOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<BenchOutput> {
  const startedAt = new Date().toISOString()
  const busyBefore = await cpuShareInUse(signal)
  progress.say(
    options.target ? `measuring ${options.target}` : 'starting private stores and servers',
  )
  const ground = options.target
    ? await targetGround(options.target, options, progress, signal)
    : await ownGround(options, progress, signal)
  try {
    const { results, failure } = await runAll(options, ground, progress, signal)
    const { connections, durationSeconds, stock, target = null } = options
    return {
      machine: await describeMachine(ground.access, busyBefore),
      startedAt,
      parameters: {
        connections,
        durationSeconds,
        stock,
        target,
        profiled: options.profile !== undefined,
      },
      results,
      failure,
    }
  } finally {
    progress.clear()
    await ground.stop()
  }
}

/** Everything that is planned; after a failure, what was measured before it is still worth reading. */
async function runAll(
  options: BenchOptions,
  ground: Ground,
  progress: Progress,
  signal: AbortSignal,
): Promise<Pick<BenchOutput, 'results' | 'failure'>> {
  const results: ScenarioResult[] = []
  try {
    for (const run of planRuns(options)) {
      await runStrategy(run, { options, ground, progress, signal }, results)
    }
    return { results, failure: null }
  } catch (error) {
    signal.throwIfAborted()
    return { results, failure: describe(error) }
  }
}

async function main(words: readonly string[]): Promise<number> {
  const options = parseOptions(words)
  if (options === 'help') {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stopping.abort(new Interrupted()))
  }
  const progress = createProgress(process.stdout)
  const output = await bench(options, progress, stopping.signal)
  const bars = judgeBars(output)
  process.stdout.write(`\n${summarise(output, bars)}`)
  if (options.json) writeFileSync(options.json, `${JSON.stringify(output, null, 2)}\n`)
  if (options.report) {
    writeFileSync(options.report, renderReport(output, bars))
    process.stdout.write(`\nreport: ${options.report}\n`)
  }
  if (output.failure !== null) {
    process.stderr.write(`bench: ended early: ${output.failure}\n`)
    return 1
  }
  return output.results.some(({ promises }) => promises === 'broken') ? 1 : 0
}

class Interrupted extends Error {
  override name = 'Interrupted'
  override message = 'interrupted'
}

function complain(error: unknown): number {
  process.stderr.write(`bench: ${describe(error)}\n`)
  if (error instanceof UsageError) return 2
  return error instanceof Interrupted ? 130 : 1
}

/** A plain Error was written for the reader; anything else is a fault that somebody has to find. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const written = [Error, UsageError, Interrupted, ConfigError].some(
    (kind) => error.constructor === kind,
  )
  return written ? error.message : (error.stack ?? error.message)
}

process.exitCode = await main(process.argv.slice(2)).catch(complain)
// The results are out; a connection that lingers must not keep the shell waiting.
process.exit()
