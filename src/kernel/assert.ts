/** A broken assumption of our own code: never caught to go on, never caused by input. */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** Throws when `condition` is false. Stays on in production: a wrong ledger is worse than a crash. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}
