/** `npm start`: everything on this machine, until Ctrl-C or SIGTERM. */
import { ConfigError, loadConfig } from '../src/config/config.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { complain, say } from '../src/system/run-role.ts'
import { DataDirInUse } from './data-lock.ts'
import { Embedded, StartRefused } from './embedded.ts'
import { welcome } from './welcome.ts'

/** A Ctrl-C reaches us from the terminal and from npm: what comes this close together is one wish. */
const sameSignalMs = 1_000

/** Starts the shop, serves until it is asked to stop, and stops it. Resolves with the exit code. */
export async function up(): Promise<number> {
  const service = new Embedded({ config: loadConfig(), env: process.env, log: say })
  const asked = watchSignals(() => service.kill())
  try {
    const started = service.start()
    if ((await Promise.race([started, asked])) !== 'stop') {
      const { apiUrl, dataDir, stripeUrl, ownDatabase: demoShop } = service
      say(welcome({ apiUrl, dataDir, stripeUrl, demoShop }))
      await Promise.race([service.untilStopped(), asked, parentGone()])
    }
    say('stopping')
  } catch (error) {
    await service.stop().catch((second) => complain(messageOf(second)))
    if ([ConfigError, StartRefused, DataDirInUse].some((kind) => error instanceof kind)) throw error
    throw new StartRefused(`cannot go on: ${messageOf(error)}`, { cause: error })
  }
  await service.stop()
  say('stopped')
  return 0
}

/** Resolves at the first signal; a later one ends everything by force. */
function watchSignals(force: () => Promise<void>): Promise<'stop'> {
  return new Promise((resolve) => {
    let first: number | undefined
    const onSignal = () => {
      first ??= systemClock.monotonic()
      resolve('stop')
      if (systemClock.monotonic() - first < sameSignalMs) return
      complain('ending at once')
      force().finally(() => process.exit(1))
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  })
}

/** Resolves when whoever started us is gone: nobody is left who could stop us. */
async function parentGone(): Promise<void> {
  const parent = process.ppid
  while (process.ppid === parent) await systemClock.sleep(1_000)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
