// What every npm script calls. Plain JavaScript for any Node from 20 on: it brings what is missing
// (packages, Node 24, Redis), says so in a line, and hands over. Nothing is missing: nothing is done.
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { ensurePackages } from './bootstrap/packages.mjs'
import { ensureRedis } from './bootstrap/redis.mjs'
import { root } from './bootstrap/tools.mjs'

/** Node's arguments by command, and whether it needs a Redis program when REDIS_URL is not set. */
const commands = {
  start: { entry: ['dev/main.ts', 'start'], redis: true },
  test: { entry: ['test/run.ts'], redis: 'always' },
  check: { entry: ['test/run.ts', '--check'] },
  recommendations: { entry: ['bench/recommendations.ts'] },
  bench: { entry: ['bench/run.ts'], redis: 'always' },
  soak: { entry: ['bench/soak.ts'], redis: 'always' },
  verify: { entry: ['dev/main.ts', 'verify'], redis: true },
  api: {
    node: [
      '--max-old-space-size=512',
      '--max-semi-space-size=8',
      '--no-allocation-site-pretenuring',
    ],
    entry: ['src/main.ts', 'api'],
  },
  worker: { entry: ['src/main.ts', 'worker'] },
  migrate: { entry: ['src/main.ts', 'migrate'] },
  seed: { entry: ['dev/main.ts', 'seed'] },
  stripe: { entry: ['dev/main.ts', 'stripe'] },
}

const [name = '', ...args] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (!command) {
  console.error(`usage: node scripts/bootstrap.mjs ${Object.keys(commands).join(' | ')}`)
  process.exit(2)
}

try {
  await ensurePackages()
  const stores = command.redis === 'always' || (command.redis && !process.env.REDIS_URL)
  if (stores && !args.includes('--help')) await ensureRedis()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
handOver(join(root, 'node_modules', '.bin', 'node'), command.node ?? [], [
  ...command.entry,
  ...args,
])

/** Runs Node 24 in our place: its signals are ours, and so is its end. */
function handOver(node, flags, [entry, ...rest]) {
  const bin = join(root, 'node_modules', '.bin')
  const child = spawn(node, [...flags, join(root, entry), ...rest], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => child.kill(signal))
  }
  // npm that was killed cannot pass a signal on any more, and nobody else knows of us.
  const parent = process.ppid
  const orphaned = () => process.ppid !== parent && child.kill('SIGTERM')
  if (process.env.npm_lifecycle_event) setInterval(orphaned, 1000).unref()
  child.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (code !== null) process.exit(code)
    for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.removeAllListeners(each)
    process.kill(process.pid, signal)
  })
}
