/**
 * Takes out of a transcript what differs from run to run. Equal values get equal placeholders in all
 * transcripts, numbered in the order in which they are first seen, so that a transcript also says which ids
 * are the same.
 */

/** Members whose values are opaque texts, with the name that stands for them. */
const opaqueMembers: Readonly<Record<string, string>> = {
  accessToken: 'access-token',
  refreshToken: 'refresh-token',
  nextCursor: 'cursor',
  clientSecret: 'client-secret',
}

const opaque = new RegExp(`"(${Object.keys(opaqueMembers).join('|')})": "([^"]+)"`, 'g')

/** What is told apart by its form alone. Years from 2090 on, and before 2002, were chosen by a script. */
const forms = new RegExp(
  [
    /(?<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/,
    /(?<time>20[0-8]\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/,
    /(?<stripe>\b(?:pi|re|ch)_[A-Za-z0-9]{14,})/,
    /(?<="slug": "[a-z0-9-]*-)(?<slug>[0-9a-f]{8})(?=")/,
    /(?<=expires=)(?<expires>\d{10})/,
    /(?<=signature=)(?<signature>[\w-]{43})(?![\w-])/,
    /(?<="(?:number|orderNumber)": )(?<number>\d+)/,
    /(?:(?<="id": )|(?<=\/outbox\/)|(?<=event:))(?<event>\d+)(?![\w-])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
)

export class Placeholders {
  readonly #known = new Map<string, string>()
  readonly #opaque = new Map<string, string>()
  readonly #counts = new Map<string, number>()
  #area = ''

  /** What is first seen from now on is named after this area. */
  enter(area: string): void {
    this.#area = area
  }

  /** Gives an id a name of its own. */
  know(id: string, name: string): void {
    this.#known.set(id, `<${name}>`)
  }

  replaceIn(text: string): string {
    for (const [, member = '', value = ''] of text.matchAll(opaque)) {
      if (!this.#opaque.has(value)) this.#opaque.set(value, this.#next(opaqueMembers[member] ?? ''))
    }
    let shown = text
    for (const [value, placeholder] of this.#opaque) shown = shown.replaceAll(value, placeholder)
    return shown.replace(forms, (...match) => this.#placeholderOf(match.at(-1)))
  }

  #placeholderOf(groups: Readonly<Record<string, string | undefined>>): string {
    const [kind = '', value = ''] = Object.entries(groups).find(([, found]) => found) ?? []
    if (kind === 'time' || kind === 'expires' || kind === 'signature') return `<${kind}>`
    const key = kind === 'uuid' || kind === 'stripe' ? value : `${kind} ${value}`
    const known = this.#known.get(key)
    if (known) return known
    const placeholder = this.#next(kind === 'uuid' ? '' : kind)
    this.#known.set(key, placeholder)
    return placeholder
  }

  #next(kind: string): string {
    const name = kind === '' ? this.#area : `${this.#area}-${kind}`
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    return `<${name}-${count}>`
  }
}
