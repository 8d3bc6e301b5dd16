/** PostgreSQL refuses to run as root, so root runs it as somebody else. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface PostgresUser {
  /** The owner of the data folder; absent when PostgreSQL runs as ourselves. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** The program and first arguments that start `program` as that user. */
  wrap(program: string, args: readonly string[]): WrappedCommand
}

export interface Reach {
  readonly dir: string
  readonly initdb: string
}

export interface WrappedCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly uid?: number
  readonly gid?: number
}

const ourselves: PostgresUser = { wrap: (program, args) => ({ program, args }) }

/**
 * Who runs PostgreSQL. `reach` is a folder it has to enter, and the initdb it has to run. Where
 * they lie under a folder that only root may enter (a clone in root's home, or in a fresh `mktemp -d`),
 * the server is started by setpriv as the same user with one capability left, CAP_DAC_OVERRIDE: it may
 * then pass that folder, and nothing has to be copied or opened up for others.
 * @throws Error with advice when root cannot give the rights away.
 */
export function choosePostgresUser(reach: Reach): PostgresUser {
  if (process.getuid?.() !== 0) return ourselves
  const owner = unprivileged()
  const direct: PostgresUser = { owner, wrap: (program, args) => ({ program, args, ...owner }) }
  if (canReach(direct, reach)) return direct
  const setpriv = findOnPath('setpriv')
  if (setpriv) {
    const passing: PostgresUser = {
      owner,
      wrap: (...command) => withOverride(setpriv, owner, command),
    }
    if (canReach(passing, reach)) return passing
  }
  throw new Error(
    `PostgreSQL does not run as root, and user ${owner.uid} may not enter ${reach.dir}. Run this as an ` +
      'ordinary user, move the clone and DATA_DIR to a folder that everybody may enter, or set DATABASE_URL',
  )
}

function withOverride(
  setpriv: string,
  owner: { readonly uid: number; readonly gid: number },
  [program, args]: readonly [string, readonly string[]],
): WrappedCommand {
  const drop = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups', '--no-new-privs']
  // The server asks access() about its own program, which forgets capabilities unless told not to.
  const keep = [
    '--securebits=+no_setuid_fixup',
    '--inh-caps=-all,+dac_override',
    '--ambient-caps=-all,+dac_override',
  ]
  return { program: setpriv, args: [...drop, ...keep, '--', program, ...args] }
}

/** Asks initdb itself: it looks at its own program, the server, and the files that come with them. */
function canReach(user: PostgresUser, { dir, initdb }: Reach): boolean {
  const script = 'cd "$1" && exec "$2" --show -D "$1"'
  const { program, args, ...identity } = user.wrap('/bin/sh', ['-c', script, 'sh', dir, initdb])
  const options = { ...identity, cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
  return spawnSync(program, args, { ...options, stdio: 'ignore', timeout: 10_000 }).status === 0
}

function unprivileged(): { uid: number; gid: number } {
  for (const name of ['postgres', 'nobody']) {
    const uid = idOf('-u', name)
    const gid = idOf('-g', name)
    if (uid !== undefined && uid > 0 && gid !== undefined) return { uid, gid }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user "postgres" or "nobody"')
}

function idOf(flag: string, name: string): number | undefined {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' })
  return status === 0 ? Number(stdout.trim()) : undefined
}

/** The first program called `name` on PATH. */
export function findOnPath(name: string): string | undefined {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    if (dir === '') continue
    try {
      accessSync(join(dir, name), constants.X_OK)
      return join(dir, name)
    } catch {}
  }
  return undefined
}
