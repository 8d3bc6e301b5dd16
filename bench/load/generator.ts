/** The load generator, a process of its own: gets one job over IPC, reports, answers and ends. */
import type { RunningLoad } from './cannon.ts'
import { runClosedLoop } from './closed-loop.ts'
import type { FromGenerator, LoadJob } from './job.ts'
import { runPacedLoop } from './paced-loop.ts'
import { runPurchaseLoop } from './purchase-loop.ts'

const progressMs = 250

const tell = (message: FromGenerator) =>
  new Promise<void>((resolve) => {
    if (process.send) process.send(message, undefined, undefined, () => resolve())
    else resolve()
  })

function start(job: LoadJob): RunningLoad {
  if (job.kind === 'purchases') return runPurchaseLoop(job)
  return job.ratePerSecond === undefined ? runClosedLoop(job) : runPacedLoop(job)
}

process.once('message', async (job: LoadJob) => {
  try {
    const { tally, done } = start(job)
    const ticking = setInterval(
      () => void tell({ kind: 'progress', progress: tally.progress() }),
      progressMs,
    )
    const result = await done
    clearInterval(ticking)
    await tell({ kind: 'result', result })
  } catch (error) {
    await tell({ kind: 'failed', message: (error as Error).message })
  }
  process.disconnect()
})
// A generator without its bench has nobody to work for.
process.once('disconnect', () => process.exit(0))
