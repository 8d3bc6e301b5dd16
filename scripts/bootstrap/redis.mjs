import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { asRoot, cache, exclusively, onPath, run, say } from './tools.mjs'

const fetched = join(cache, 'redis')

/** Makes sure that there is a redis-server: on PATH, or fetched into .cache without touching the system. */
export async function ensureRedis() {
  if (usable()) return
  await exclusively(() => {
    if (usable()) return
    const problems = []
    for (const way of process.platform === 'darwin' ? [brew] : [extractPackages, installPackage]) {
      const problem = way()
      if (!problem && usable()) return
      problems.push(problem ?? 'what was installed does not run')
    }
    throw new Error(
      `there is no Redis 7 or newer, and it could not be fetched: install redis-server, or set REDIS_URL\n${problems.join('\n')}`,
    )
  })
}

function usable() {
  const program = onPath('redis-server')
  return (program !== undefined && runs(program, {})) || runsFetched(fetched)
}

function runsFetched(folder) {
  const program = join(folder, 'usr', 'bin', 'redis-server')
  return existsSync(program) && runs(program, { LD_LIBRARY_PATH: libraries(folder) })
}

function runs(program, env) {
  const { stdout } = run(program, ['--version'], { env: { ...process.env, ...env } })
  return Number(/ v=(\d+)/.exec(stdout)?.[1] ?? 0) >= 7
}

function libraries(folder) {
  const lib = join(folder, 'usr', 'lib')
  if (!existsSync(lib)) return ''
  const inner = readdirSync(lib, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [lib, ...inner.map((entry) => join(lib, entry.name))].join(':')
}

/** Debian's packages, unpacked into .cache: no root, nothing installed, no daemon started. */
function extractPackages() {
  const [apt, dpkg] = [onPath('apt-get'), onPath('dpkg')]
  if (!apt || !dpkg) return 'there is no apt-get and dpkg'
  say('fetching Redis from the Debian packages into .cache/redis')
  const folder = `${fetched}.new`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  let download = downloadPackages(apt, folder)
  if (!download.ok) {
    const root = asRoot()
    if (!root) return download.output
    say('refreshing the package lists (apt-get update)')
    const [program, ...before] = [...root, apt]
    run(program, [...before, 'update', '-qq'])
    download = downloadPackages(apt, folder)
    if (!download.ok) return download.output
  }
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
    const unpacked = run(dpkg, ['-x', join(folder, file), folder])
    if (!unpacked.ok) return unpacked.output
    rmSync(join(folder, file))
  }
  if (!runsFetched(folder)) return 'the fetched redis-server does not run here'
  rmSync(fetched, { recursive: true, force: true })
  renameSync(folder, fetched)
  return undefined
}

function downloadPackages(apt, folder) {
  return run(apt, ['download', '-qq', ...packageNames()], { cwd: folder })
}

/** redis-server and the libraries that it needs by name here; those of every system are left out. */
function packageNames() {
  const usual = ['libjemalloc2', 'liblzf1', 'libatomic1']
  const { ok, stdout } = run('apt-cache', ['depends', '--important', 'redis-server', 'redis-tools'])
  const named = stdout
    .split('\n')
    .flatMap((line) => /^\s+Depends: (lib[\w.+-]+)$/.exec(line)?.[1] ?? [])
  const own = named.filter((name) => !/^lib(c6|gcc|stdc\+\+|ssl|systemd)/.test(name))
  const libs = ok && own.length > 0 ? own : usual
  return ['redis-server', 'redis-tools', ...new Set(libs)]
}

/** The last resort: it may start a Redis on port 6379, which nothing here uses. */
function installPackage() {
  const [apt, root] = [onPath('apt-get'), asRoot()]
  if (!apt || !root)
    return 'installing redis-server needs apt-get, and root or sudo without a password'
  say('installing the package redis-server (apt-get install)')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const [program, ...before] = [...root, apt]
  const installed = run(
    program,
    [...before, 'install', '-y', '-qq', '--no-install-recommends', 'redis-server'],
    { env },
  )
  return installed.ok ? undefined : installed.output
}

function brew() {
  const program = onPath('brew')
  if (!program) return 'there is no Homebrew'
  say('installing Redis (brew install redis)')
  const installed = run(program, ['install', '--quiet', 'redis'])
  return installed.ok ? undefined : installed.output
}
