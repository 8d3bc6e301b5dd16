/**
 * How Node is started for each part. The API makes and drops much: left to itself, its heap grows to
 * several times what it keeps before it is swept. A bounded heap is swept earlier and stays in the caches.
 *
 * V8 also watches, in the first second, which objects live long, and makes their like among the old ones
 * from then on. In about one start of six it took what belongs to a request for such: all that a request
 * makes then outlived it, and each request cost twice the time for as long as the process lived.
 */
const forRequests = [
  '--max-old-space-size=512',
  '--max-semi-space-size=8',
  '--no-allocation-site-pretenuring',
] as const

/** Arguments for Node, before the file it runs. scripts/bootstrap.mjs and the Dockerfile say the same. */
export function nodeArguments(role: string): readonly string[] {
  return role === 'api' ? forRequests : []
}
