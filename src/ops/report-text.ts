import type { GuaranteeReport } from './findings.ts'

/** The report for a person: a table, then what is broken, then what could not be looked at. */
export function reportText(report: GuaranteeReport, notes: readonly string[]): string {
  const width = Math.max(...report.promises.map(({ name }) => name.length))
  const counts = report.promises.map(({ checked }) => checked.toLocaleString('en-US'))
  const countWidth = Math.max('checked'.length, ...counts.map(({ length }) => length))
  const lines = [`   ${'guarantee'.padEnd(width)}  ${'verdict'}  ${'checked'.padStart(countWidth)}`]
  report.promises.forEach(({ id, name, kept, breaches }, i) => {
    const verdict = (kept ? 'kept' : 'BROKEN').padEnd('verdict'.length)
    lines.push(
      ` ${id} ${name.padEnd(width)}  ${verdict}  ${(counts[i] as string).padStart(countWidth)}`,
    )
    for (const breach of breaches) lines.push(`     ! ${breach}`)
  })
  for (const note of notes) lines.push(`   note: ${note}`)
  const broken = report.promises.filter(({ kept }) => !kept).length
  lines.push(report.kept ? 'every guarantee is kept' : `${broken} of 7 guarantees are broken`)
  return lines.join('\n')
}
