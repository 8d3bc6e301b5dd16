/**
 * Closing what a test stands on. Hooks of a test run in the order in which they were registered, so a
 * store that is made first would be gone before the clients that use it are closed. What is handed in
 * here is closed later: when a few more tests have ended, or with the file.
 */
import { after, type TestContext } from 'node:test'

type Close = () => Promise<void> | void

const keptOpenMax = 4
const ended: Close[] = []
const lastOfAll: Close[] = []

after(async () => {
  for (const close of [...ended.splice(0), ...lastOfAll]) await close()
})

/** Closes some time after `t` and all its hooks. */
export function closeAfter(t: Pick<TestContext, 'after'>, close: Close): void {
  t.after(async () => {
    ended.push(close)
    while (ended.length > keptOpenMax) await ended.shift()?.()
  })
}

/** Closes when the file's tests have ended and everything of {@link closeAfter} is closed. */
export function closeLast(close: Close): void {
  lastOfAll.push(close)
}
