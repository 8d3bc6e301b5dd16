import type { Ambush, Moment } from './network.ts'
import { ambushedVerbs } from './verbs-of-ports.ts'

const moments: readonly Moment[] = ['before', 'after']

/** How often a caller died before and after each of the verbs, a line for each port; and where none did. */
export function coverageOf(
  ambushed: readonly Ambush[],
  verbsOfPorts: readonly string[] = ambushedVerbs,
): {
  readonly lines: readonly string[]
  readonly missing: readonly string[]
} {
  const deaths = Map.groupBy(ambushed, ({ verb, moment }) => `${moment} ${verb}`)
  const timesOf = (verb: string) =>
    moments.map((moment) => deaths.get(`${moment} ${verb}`)?.length ?? 0)
  const ports = Map.groupBy(verbsOfPorts, (verb) => verb.split('.')[0] as string)
  const lines = [...ports].map(([port, verbs]) => {
    const each = verbs.map((verb) => `${verb.slice(port.length + 1)} ${timesOf(verb).join('/')}`)
    return `${port}, deaths before/after: ${each.join(', ')}`
  })
  const pairs = verbsOfPorts.flatMap((verb) => moments.map((moment) => `${moment} ${verb}`))
  return { lines, missing: pairs.filter((pair) => !deaths.has(pair)) }
}
