/**
 * `npm test`: types, format and lint, then every test file against real stores. File names as arguments
 * narrow it down. `--check` stops before the tests.
 */
import '../src/config/node-version.ts'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startTestCluster, sweepTestFolders } from './cluster.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const interrupted = new AbortController()

async function main(args: string[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupted.abort())
  }
  const code = await check()
  return code !== 0 || args.includes('--check') ? code : await runTests(args)
}

async function check(): Promise<number> {
  const bin = `${root}/node_modules/.bin`
  const types = await run(`${bin}/tsc`, ['--noEmit'])
  return types === 0 ? await run(`${bin}/biome`, ['check', '--error-on-warnings']) : types
}

async function runTests(args: string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith('--'))
  const files = args.filter((arg) => !arg.startsWith('--'))
  await sweepTestFolders()
  const cluster = await startTestCluster()
  try {
    return await run(
      process.execPath,
      [
        ...['--test', '--test-concurrency=2', '--test-reporter=spec', '--test-timeout=180000'],
        ...options,
        ...(files.length > 0 ? files : ['test/**/*.test.ts']),
      ],
      { SLUICE_TEST_DATABASE_URL: cluster.url, NODE_ENV: 'test' },
    )
  } finally {
    await cluster.stop()
    await sweepTestFolders()
  }
}

/** The exit code of a program that shares our terminal; a signal to us ends it. */
function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env },
    })
    const end = () => child.kill('SIGTERM')
    interrupted.signal.addEventListener('abort', end, { once: true })
    child.once('error', reject)
    child.once('exit', (code) => {
      interrupted.signal.removeEventListener('abort', end)
      resolve(interrupted.signal.aborted ? 1 : (code ?? 1))
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
