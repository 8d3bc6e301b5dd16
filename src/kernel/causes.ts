const causesMax = 4

/** An error with what caused it, the outermost first and four at most; empty for what is no error. */
export function withCauses(error: unknown): readonly Error[] {
  const found: Error[] = []
  let current = error
  while (current instanceof Error && found.length < causesMax) {
    found.push(current)
    current = current.cause
  }
  return found
}
