/** The shop of 20,000 products that reading scenarios look at. */
import { z } from 'zod'
import { seedShop } from '../../dev/seed-shop.ts'
import type { Access, BenchContext } from './context.ts'

const shopSize = 20_000
const seed = 1
const seeded = new WeakSet<Access['pool']>()

/** Makes it, once a run, where there are stores of our own. Somebody else's shop is read as it is. */
export async function prepareBigShop({ access, servers, progress }: BenchContext): Promise<void> {
  if (!access || !servers || seeded.has(access.pool)) return
  await seedShop(access.pool, {
    products: shopSize,
    seed,
    say: (line) => progress.update(`making a shop: ${line}`),
  })
  seeded.add(access.pool)
}

const list = z.object({
  items: z.array(z.object({ id: z.string(), category: z.string() })),
  nextCursor: z.string().nullable(),
  facets: z.unknown(),
})

/** One page over HTTP. @throws Error when it is not answered well. */
export async function readPage(
  { url, signal }: BenchContext,
  path: string,
): Promise<z.infer<typeof list>> {
  const answer = await fetch(`${url}${path}`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
  })
  if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status}`)
  return list.parse(await answer.json())
}
