/** One launcher per data folder. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { birthOf, isAlive } from './processes.ts'

export class DataDirInUse extends Error {
  override name = 'DataDirInUse'
}

interface Holder {
  readonly pid: number
  readonly birth: string
}

/**
 * Takes the lock of `dataDir`; the returned function gives it back. The lock of a launcher that died is
 * taken over. @throws DataDirInUse that names the process that holds it.
 */
export function lockDataDir(dataDir: string): () => void {
  const lock = join(dataDir, 'launcher.lock')
  const mine: Holder = { pid: process.pid, birth: birthOf(process.pid) }
  const draft = `${lock}.${process.pid}`
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (linkOnce(draft, lock)) return () => giveBack(lock, mine)
      const holder = readHolder(lock)
      if (holder && lives(holder)) throw inUse(dataDir, holder.pid)
      if (holder) moveStaleAway(dataDir, lock)
    }
    throw new DataDirInUse(`DATA_DIR ${dataDir} is being taken by another process, try again`)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Two may see the same stale lock: whoever finds a live one in their hands puts it back. */
function moveStaleAway(dataDir: string, lock: string): void {
  const aside = `${lock}.stale.${process.pid}`
  try {
    renameSync(lock, aside)
  } catch {
    return
  }
  const moved = readHolder(aside)
  if (moved && lives(moved)) {
    linkOnce(aside, lock)
    rmSync(aside, { force: true })
    throw inUse(dataDir, moved.pid)
  }
  rmSync(aside, { force: true })
}

function giveBack(lock: string, mine: Holder): void {
  const holder = readHolder(lock)
  if (holder?.pid === mine.pid && holder.birth === mine.birth) rmSync(lock, { force: true })
}

function linkOnce(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const { pid, birth } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    return { pid: Number(pid) || 0, birth: String(birth) }
  } catch (error) {
    // A file that cannot be read as a holder belongs to nobody.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { pid: 0, birth: '' }
  }
}

function lives(holder: Holder): boolean {
  return holder.pid > 1 && isAlive(holder.pid) && birthOf(holder.pid) === holder.birth
}

function inUse(dataDir: string, pid: number): DataDirInUse {
  return new DataDirInUse(`DATA_DIR ${dataDir} is in use by process ${pid}: stop that one first`)
}
