/** A command line that cannot be run; the message is one line. */
export class UsageError extends Error {
  override name = 'UsageError'
}
