/**
 * `npm test`: types, format and lint, then every test file against real stores. File names as arguments
 * narrow it down. `--check` stops before the tests.
 */
import '../src/config/node-version.ts'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { removeTestFolder, startTestCluster, sweepTestFolders, testFolder } from './cluster.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const interrupted = new AbortController()

async function main(args: string[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupted.abort())
  }
  const checking = check()
  if (args.includes('--check')) return checking
  // Whoever waits for it hears of its failure; until then it must not end us.
  checking.catch(() => {})
  return runTests(args, checking)
}

/** Types, and at the same time format and lint; what they have to say is said one after the other. */
async function check(): Promise<number> {
  const bin = `${root}/node_modules/.bin`
  const colours = process.stdout.isTTY
  const checks = [
    run(`${bin}/tsc`, ['--noEmit', ...(colours ? ['--pretty'] : [])], { quiet: true }),
    run(`${bin}/biome`, ['check', '--error-on-warnings', ...(colours ? ['--colors=force'] : [])], {
      quiet: true,
    }),
  ]
  for (const { code, said } of await Promise.all(checks)) {
    process.stdout.write(said)
    if (code !== 0) return code
  }
  return 0
}

/** Starts the stores while the checks run, and the tests after them. */
async function runTests(args: string[], checking: Promise<number>): Promise<number> {
  await sweepTestFolders()
  const cluster = await startTestCluster()
  const compiled = testFolder('compiled')
  try {
    const checked = await checking
    if (checked !== 0) return checked
    const { code } = await run(process.execPath, ['test/files.ts', ...args], {
      env: {
        SLUICE_TEST_DATABASE_URL: cluster.url,
        NODE_ENV: 'test',
        // Each test file, and each program that a test starts, would compile the whole service again.
        NODE_COMPILE_CACHE: compiled,
      },
    })
    return code
  } finally {
    await cluster.stop()
    removeTestFolder(compiled)
    await sweepTestFolders()
  }
}

interface Outcome {
  readonly code: number
  /** Empty unless it was quiet. */
  readonly said: string
}

/** Runs a program in our terminal, or quietly: then it says nothing itself. A signal to us ends it. */
function run(
  program: string,
  args: readonly string[],
  { env = {}, quiet = false }: { env?: Record<string, string>; quiet?: boolean },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
      env: { ...process.env, ...env },
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    }
    const end = () => child.kill('SIGTERM')
    interrupted.signal.addEventListener('abort', end, { once: true })
    child.once('error', reject)
    child.once('close', (code) => {
      interrupted.signal.removeEventListener('abort', end)
      resolve({ code: interrupted.signal.aborted ? 1 : (code ?? 1), said })
    })
  })
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  },
)
