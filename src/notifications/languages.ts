/** The languages of mails. Each has a folder of templates. */

/** The first one is that of accounts which have named none. */
export const languages = ['en', 'de'] as const
export type Language = (typeof languages)[number]

/** Entries of a header that are looked at, and characters of it. */
const entriesMax = 20
const headerMax = 500

const isLanguage = (word: string): word is Language =>
  (languages as readonly string[]).includes(word)

/**
 * For the route that opens accounts: the language that an `Accept-Language` header likes best, of those that
 * there are; null when it names none of them. Never throws.
 */
export function languageOf(acceptLanguage: string | undefined): Language | null {
  const wishes = (acceptLanguage ?? '').slice(0, headerMax).split(',', entriesMax).map(wishOf)
  const best = wishes.toSorted((a, b) => b.weight - a.weight).find(({ word }) => isLanguage(word))
  return best && best.weight > 0 && isLanguage(best.word) ? best.word : null
}

/** `de-AT;q=0.8` wishes for `de`, with the weight 0.8. */
function wishOf(entry: string): { readonly word: string; readonly weight: number } {
  const [range = '', ...parameters] = entry.trim().toLowerCase().split(';')
  const quality = parameters
    .find((each) => each.trim().startsWith('q='))
    ?.trim()
    .slice(2)
  const weight = quality === undefined ? 1 : Number(quality)
  return { word: range.split('-')[0] ?? '', weight: Number.isFinite(weight) ? weight : 0 }
}

/** As accounts store it: one that nobody knows any more, or none, is the first one. Never throws. */
export function storedLanguage(locale: string | null): Language {
  return locale !== null && isLanguage(locale) ? locale : languages[0]
}

/** For mails: a moment, to the minute, as the language writes it, in UTC. Never throws on a valid date. */
export function formatMoment(moment: Date, language: Language): string {
  const text = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    ...{ dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' },
  }).format(moment)
  return `${text} UTC`
}

/** For mails: a day, written `2026-11-30`, as the language writes it. Never throws on such a day. */
export function formatDay(day: string, language: Language): string {
  const locale = language === 'en' ? 'en-GB' : language
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(
    new Date(`${day}T00:00:00Z`),
  )
}
