import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { exclusively, onPath, root, run, say } from './tools.mjs'

const modules = join(root, 'node_modules')
const stamp = join(modules, '.sluice-lock')

/** Makes node_modules what package-lock.json says. */
export async function ensurePackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (stamped(wanted)) return
  await exclusively(() => {
    if (stamped(wanted)) return
    if (!installed()) install()
    writeFileSync(stamp, wanted)
  })
}

function stamped(wanted) {
  return (
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === wanted &&
    existsSync(join(modules, '.bin', 'node'))
  )
}

/** npm writes its own account of what it installed, as its last step. */
function installed() {
  const account = readPackages(join(modules, '.package-lock.json'))
  if (!account) return false
  const wanted = readPackages(join(root, 'package-lock.json')) ?? {}
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '' || (optional && !account[path])) continue
    if (account[path]?.version !== version) return false
  }
  return run(join(modules, '.bin', 'node'), ['--version']).stdout.startsWith('v24.')
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

function install() {
  say('installing the packages of package-lock.json (npm ci), Node 24 and PostgreSQL among them')
  const quiet = [
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--include=dev',
    '--include=optional',
  ]
  const cli = process.env.npm_execpath
  const npm = cli && /\.c?js$/.test(cli) ? [process.execPath, cli] : [onPath('npm') ?? 'npm']
  const [program, ...before] = npm
  for (let attempt = 1; ; attempt += 1) {
    const { ok, output } = run(program, [...before, 'ci', ...quiet], { cwd: root })
    if (ok) return
    if (attempt === 3) throw new Error(`npm ci failed:\n${output}`)
    say('npm ci failed, trying again')
  }
}
