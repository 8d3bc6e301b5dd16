import type { Compared, ProviderReport } from './provider-comparison.ts'

/** The comparison for a person: a table, then what differs, then what was not compared. */
export function providerText(report: ProviderReport, notes: readonly string[]): string {
  const rows: readonly (readonly [string, Compared])[] = [
    ['charges', report.charges],
    ['refunds', report.refunds],
  ]
  const lines = ['   provider  verdict  compared  under way']
  for (const [name, { kept, checked, underWay, differing, differences }] of rows) {
    const counts = [checked.toLocaleString('en-US').padStart(8), String(underWay).padStart(9)]
    lines.push(`   ${name.padEnd(8)}  ${kept ? 'agree  ' : 'DIFFER '}  ${counts.join('  ')}`)
    for (const difference of differences) lines.push(`     ! ${difference}`)
    const more = differing - differences.length
    if (more > 0) lines.push(`     ! and ${more} more`)
  }
  for (const note of notes) lines.push(`   note: ${note}`)
  const differing = report.charges.differing + report.refunds.differing
  const verdict = report.kept
    ? 'charges and refunds agree with the provider'
    : `${differing} charges or refunds differ from the provider; repair: settle each by its intent, or refund it`
  return [...lines, verdict].join('\n')
}
