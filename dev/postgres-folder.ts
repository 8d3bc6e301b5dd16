/** The data folder of a private PostgreSQL: made, and freed of what an earlier launcher left running. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { PostgresUser } from './postgres-user.ts'
import { endProcesses, isAlive, leftoversIn } from './processes.ts'
import { readText } from './read-text.ts'

/** The superuser of every private server. */
export const superuser = 'sluice'
const initialiseMs = 120_000

/** A clean end: open transactions are rolled back; then without ceremony; then by force. */
export const postgresStopSteps = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const

/** Nothing of the caller's PG* settings may reach the server. */
export const plainEnvironment = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }

export interface NewCluster {
  readonly bin: string
  readonly dir: string
  readonly asUser: PostgresUser
  readonly password: string
  readonly durable: boolean
}

/** Makes the data folder under another name first: an interrupted initdb leaves nothing half made. */
export function initialiseFolder({ bin, dir, asUser, password, durable }: NewCluster): void {
  const draft = join(dir, 'data.new')
  const secret = join(dir, 'password.new')
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o700 })
  writeFileSync(secret, password, { mode: 0o600 })
  if (asUser.owner) {
    for (const path of [draft, secret]) chownSync(path, asUser.owner.uid, asUser.owner.gid)
  }
  // Tests connect thousands of times, to stores that hold nothing.
  const authentication = durable ? 'scram-sha-256' : 'trust'
  const { program, args, ...identity } = asUser.wrap(join(bin, 'initdb'), [
    ...['-D', draft, '-U', superuser, '-A', authentication, `--pwfile=${secret}`],
    ...['--encoding=UTF8', '--locale=C', '--data-checksums', '--no-instructions'],
    // Hashing thousands of times protects passwords that people think of; ours is made of 144 random bits,
    // and each connection would pay for it.
    ...['--set', 'scram_iterations=1'],
    ...(durable ? [] : ['--no-sync']),
  ])
  const { status, stderr, stdout, error } = spawnSync(program, args, {
    ...identity,
    cwd: '/',
    env: plainEnvironment,
    encoding: 'utf8',
    timeout: initialiseMs,
  })
  rmSync(secret, { force: true })
  if (status !== 0)
    throw new Error(`initdb failed: ${error?.message ?? `${stdout}${stderr}`.trim()}`)
  renameSync(draft, join(dir, 'data'))
}

/** Ends the server, or what is left of it, that an earlier launcher started on `data`. */
export async function endLeftovers(data: string, log?: (line: string) => void): Promise<void> {
  const lockFile = join(data, 'postmaster.pid')
  const left = leftoversIn(data, 'postgres', lockFile)
  if (left.length > 0) {
    const postmaster = Number.parseInt(readText(lockFile), 10)
    log?.(`ending PostgreSQL left behind by an earlier run (process ${postmaster || left[0]})`)
    if (left.includes(postmaster)) await endProcesses([postmaster], postgresStopSteps)
    const orphans = leftoversIn(data, 'postgres', lockFile)
    await endProcesses(orphans, [
      { signal: 'SIGTERM', waitMs: 5_000 },
      { signal: 'SIGKILL', waitMs: 5_000 },
    ])
  }
  // The server takes a zombie named in its lock file for a live one. Nobody works in the folder any more.
  const noted = Number.parseInt(readText(lockFile), 10)
  if (Number.isInteger(noted) && !isAlive(noted)) rmSync(lockFile, { force: true })
}

/** The superuser's password, made at the first call. */
export function passwordOf(dir: string): string {
  const file = join(dir, 'password')
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}
