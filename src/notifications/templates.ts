/** The texts of mails: plain files, one folder for each language. */
import { readFileSync } from 'node:fs'
import { assert } from '../kernel/assert.ts'
import type { Language } from './languages.ts'

export const templateNames = [
  'order-confirmed',
  'payment-declined',
  'payment-failed',
  'expired',
  'cancelled-by-buyer',
  'cancelled-by-seller',
  'refunded-whole',
  'refunded-part',
  'refunded-sold-out',
  'refunded-late',
  'refund-failed',
  'concern-inquiry',
  'concern-dispute',
  'concern-warning',
  'concern-review',
  'concern-due',
  'low-stock',
  'back-in-stock',
  'sale',
  'daily-sales',
] as const
export type TemplateName = (typeof templateNames)[number]

/** Texts that are put into others: what all mails share, and what became of the money. */
type PartName = 'frame' | 'money'

interface Template {
  readonly subject: string
  /** Paragraphs, with placeholders. */
  readonly paragraphs: readonly string[]
}

/** One for each file. */
const known = new Map<string, string>()

function fileOf(language: Language, name: TemplateName | PartName): string {
  const path = `./templates/${language}/${name}.txt`
  const text = known.get(path) ?? readFileSync(new URL(path, import.meta.url), 'utf8')
  known.set(path, text)
  return text
}

const paragraphsOf = (text: string): string[] =>
  text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '')

/**
 * For whoever writes a mail: a template in a language, its parts put in. The first line of a file is
 * `Subject: …`. @throws Error when the file is missing.
 */
export function templateOf(language: Language, name: TemplateName): Template {
  const [head = '', ...rest] = paragraphsOf(fileOf(language, name))
  assert(head.startsWith('Subject: '), `the mail ${name} (${language}) begins with its subject`)
  const paragraphs = rest.flatMap((paragraph) =>
    paragraph === '{>money}' ? paragraphsOf(fileOf(language, 'money')) : [paragraph],
  )
  return { subject: head.slice('Subject: '.length), paragraphs }
}

/** The same, of what surrounds every mail. The paragraph `{body}` stands for the mail's own. */
export function frameOf(language: Language): readonly string[] {
  return paragraphsOf(fileOf(language, 'frame'))
}
