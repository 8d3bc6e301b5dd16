/**
 * Closing what a test stands on. Hooks of a test run in the order in which they were registered, so a
 * store that is made first would be gone before the clients that use it are closed. What is handed in
 * here is closed later: when a few more tests have ended, or with the file.
 */
import { after, type TestContext } from 'node:test'

type Close = () => Promise<void> | void

const keptOpenMax = 4
const ended: Close[] = []
const closing: Promise<void>[] = []
const shared: Close[] = []
const lastOfAll: Close[] = []

after(async () => {
  for (const hook of shared.splice(0).reverse()) await hook()
  for (const close of ended.splice(0)) begin(close)
  await Promise.all(closing.splice(0))
  for (const close of lastOfAll) await close()
})

/** Closes some time after `t` and all its hooks; the next test does not wait for it. */
export function closeAfter(t: Pick<TestContext, 'after'>, close: Close): void {
  t.after(() => {
    ended.push(close)
    for (const each of ended.splice(0, ended.length - keptOpenMax)) begin(each)
  })
}

/** What goes wrong fails the file, when its tests have ended. */
function begin(close: Close): void {
  const done = (async () => close())()
  done.catch(() => {})
  closing.push(done)
}

/**
 * Stands where a test's context is asked for, for what all tests of the process share. Its hooks run when they have
 * ended, the newest first.
 */
export const withTheProcess: Pick<TestContext, 'after'> = {
  after: (hook) => {
    shared.push(hook as Close)
  },
}

/** Closes when the file's tests have ended and everything of {@link closeAfter} is closed. */
export function closeLast(close: Close): void {
  lastOfAll.push(close)
}
