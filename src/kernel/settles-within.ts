import type { Clock } from './clock.ts'

/**
 * Whether `step` settles within `ms` milliseconds, in one way or the other. Never rejects: whoever needs what came of
 * it awaits it afterwards.
 */
export async function settlesWithin(
  clock: Pick<Clock, 'after'>,
  ms: number,
  step: Promise<unknown>,
): Promise<boolean> {
  let cancel = () => {}
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(ms, () => resolve(false))
  })
  const settled = step.then(
    () => true,
    () => true,
  )
  const inTime = await Promise.race([settled, late])
  cancel()
  return inTime
}
