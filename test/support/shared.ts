/**
 * Systems that all tests of a process share. To start and stop one takes more than a second of CPU, and most tests
 * have SKUs and people of their own: the purchases of others do not concern them.
 */
import type { TestContext } from 'node:test'
import { withTheProcess } from './at-the-end.ts'

type Closing = Pick<TestContext, 'after'>

/** How many parts a test wants; anything else that it wants makes its system special. */
interface Wanted {
  readonly own?: boolean
  readonly apis?: number
  readonly workers?: number
}

/** What a test could do to the tests after it. */
interface Harm {
  readonly startWorker: unknown
  readonly stopWorkers: unknown
  readonly redisServer: { readonly url: string }
}

/** Of a shared system: enough for tests that ask two of them at once. */
const apisShared = 2

/** Whether a system that others use too will do: no settings, stores or crowd of parts of its own. */
export function canBeShared({ own, apis = 1, workers = 1, ...special }: Wanted): boolean {
  const plain = Object.values(special).every((value) => value === undefined)
  return !own && plain && apis > 0 && apis <= apisShared && workers <= 1
}

/** The one among `made` that fits, or a new one, which lives as long as the process. */
export function sharedBy<T extends Harm>(
  made: Map<string, Promise<T>>,
  { workers = 1 }: Wanted,
  start: (closing: Closing, options: Wanted) => Promise<T>,
): Promise<T> {
  const kind = String(workers)
  const found = made.get(kind)
  if (found) return found
  const options = { own: true, apis: apisShared, workers }
  const starting = start(withTheProcess, options).then(refusingHarm)
  made.set(kind, starting)
  return starting
}

function refusingHarm<T extends Harm>(system: T): T {
  const refuse = () => {
    throw new Error('this system is shared: ask for one of your own, with { own: true }')
  }
  const harmful = ['stop', 'kill', 'restart']
  const redisServer = new Proxy(system.redisServer, {
    get: (server, name) =>
      harmful.includes(String(name)) ? refuse : Reflect.get(server, name, server),
  })
  return { ...system, redisServer, startWorker: refuse, stopWorkers: refuse }
}
