/** Files with what was recorded, compared to the letter. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../golden', import.meta.url))

/** Lines before and after a difference that are shown with it. */
const around = 12

/**
 * Throws with the first difference when `text` is not what the golden file of this name holds. With
 * UPDATE_GOLDEN=1 the file becomes `text` instead.
 */
export function expectGolden(name: string, text: string): void {
  const path = join(folder, name)
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(folder, { recursive: true })
    writeFileSync(path, text)
    return
  }
  const wanted = goldenFiles().includes(name) ? readFileSync(path, 'utf8') : ''
  if (wanted !== text) throw new Error(differenceOf(name, wanted.split('\n'), text.split('\n')))
}

export function goldenFiles(): string[] {
  return readdirSync(folder).sort()
}

function differenceOf(name: string, wanted: readonly string[], seen: readonly string[]): string {
  const first = wanted.findIndex((line, index) => line !== seen[index])
  const at = first < 0 ? wanted.length : first
  const shown = (lines: readonly string[], mark: string) =>
    lines.slice(at, at + around).map((line) => `${mark} ${line}`)
  return [
    `test/golden/${name} differs from line ${at + 1} on.`,
    ...wanted.slice(Math.max(0, at - around), at).map((line) => `  ${line}`),
    ...shown(wanted, '-'),
    ...shown(seen, '+'),
    'When the change is meant: run this test with UPDATE_GOLDEN=1 and look at the diff.',
  ].join('\n')
}
