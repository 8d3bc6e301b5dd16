import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FromGenerator, LoadJob, LoadProgress, LoadResult } from './job.ts'

const generatorFile = fileURLToPath(new URL('generator.ts', import.meta.url))
/** Beyond the job's own time: start, the last answers, and the report. */
const graceMs = 60_000

export interface LoadWatch {
  readonly onProgress: (progress: LoadProgress) => void
  readonly signal: AbortSignal
}

/**
 * Runs one job in a generator process of its own. Rejects when the generator fails, ends early, takes a
 * minute longer than the job, or when the signal aborts; the process is gone in every case.
 */
export async function runLoad(job: LoadJob, watch: LoadWatch): Promise<LoadResult> {
  watch.signal.throwIfAborted()
  const child = fork(generatorFile, [], { serialization: 'advanced', execArgv: [], env: {} })
  const stop = () => child.kill('SIGKILL')
  watch.signal.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(stop, job.durationMs + graceMs)
  try {
    return await resultOf(child, job, watch)
  } finally {
    clearTimeout(timer)
    watch.signal.removeEventListener('abort', stop)
    if (child.exitCode === null) stop()
  }
}

function resultOf(child: ChildProcess, job: LoadJob, watch: LoadWatch): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: FromGenerator) => {
      if (message.kind === 'progress') watch.onProgress(message.progress)
      else if (message.kind === 'result') resolve(message.result)
      else reject(new Error(`load generator: ${message.message}`))
    })
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(
        watch.signal.aborted
          ? watch.signal.reason
          : new Error(`the load generator ended early (${signal ?? `exit code ${code}`})`),
      ),
    )
    child.send(job)
  })
}
