/**
 * How Node is started for each part. The API makes and drops much: left to itself, its heap grows to
 * several times what it keeps before it is swept. A bounded heap is swept earlier and stays in the caches.
 */
const bounded = ['--max-old-space-size=512', '--max-semi-space-size=8'] as const

/** Arguments for Node, before the file it runs. scripts/bootstrap.mjs and the Dockerfile say the same. */
export function nodeArguments(role: string): readonly string[] {
  return role === 'api' ? bounded : []
}
