/**
 * What `npm test` runs in which process. To start one for each file costs a second of CPU, most of it for loading the
 * service, so files that go well together share one: they run one after the other, as if they were one file.
 */
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

/**
 * Files of each group, as patterns below `test`. `test/together` has a file for each, which runs it. Groups take about
 * as long as each other, a minute at most: the processes side by side shall end together.
 */
export const groups: Readonly<Record<string, readonly string[]>> = {
  actor: ['integration/actor/*.test.ts', 'integration/jobs/*.test.ts'],
  checkout: ['integration/{cart,checkout}/*.test.ts'],
  fulfilment: ['integration/{audit,fulfilment,notifications,stock-alerts}/*.test.ts'],
  http: ['integration/http/[a-l]*.test.ts'],
  'http-more': ['integration/http/[m-r]*.test.ts'],
  'http-rest': ['integration/http/[s-z]*.test.ts'],
  orders: ['integration/orders/*.test.ts'],
  payments: ['integration/payments/[a-l]*.test.ts'],
  'payments-more': ['integration/payments/[m-z]*.test.ts', 'integration/payments/budget/*.test.ts'],
  people: ['integration/{catalogue,identity,images}/*.test.ts'],
  platform: ['integration/{ops,platform,redis}/*.test.ts'],
  simulator: ['integration/simulator/*.test.ts'],
  stock: ['integration/{stock,lua}/**/*.test.ts'],
  'without-stores': [
    '{unit,tidy}/**/*.test.ts',
    'simulation/{contracts,owners,sessions}.test.ts',
    'simulation/money/money-contract.test.ts',
  ],
}

/**
 * Files with a process each, as patterns from the project's root. One that is long must not begin last, so these go
 * first.
 */
export const inOrder: readonly string[] = [
  'test/simulation/simulation.test.ts',
  'test/simulation/money/money.test.ts',
  'test/together/*.ts',
  'test/recovery/*.test.ts',
  'test/integration/dev/*.test.ts',
  'test/property/*.test.ts',
]

/** The files of a group, sorted, from the folder `test`. @throws Error when a pattern of it matches none. */
export function filesOf(group: string): string[] {
  const patterns = groups[group] ?? []
  return patterns.flatMap((pattern) => {
    const files = globSync(pattern, { cwd: here }).sort()
    if (files.length === 0) throw new Error(`${group}: there is no test file ${pattern}`)
    return files
  })
}

/** Declares the tests of a group in this process. */
export async function runTogether(group: string): Promise<void> {
  for (const file of filesOf(group)) await import(`./${file}`)
}
