/** Reads form-encoded parameters with brackets (`metadata[order]=1`, `expand[0]=latest_charge`). */
import { badParameter } from './failure.ts'
import { limits } from './limits.ts'
import { unknownMember } from './nested-parameters.ts'

export class Form {
  readonly #values: ReadonlyMap<string, string>

  private constructor(values: ReadonlyMap<string, string>) {
    this.#values = values
  }

  /** Takes apart a body or a query. @throws StripeFailure when it is not form-encoded or a name comes twice. */
  static parse(text: string): Form {
    const values = new Map<string, string>()
    if (text === '') return new Form(values)
    for (const pair of text.split('&')) {
      const at = pair.indexOf('=')
      const name = decode(at < 0 ? pair : pair.slice(0, at))
      const key = name.endsWith('[]') ? `${name.slice(0, -2)}[${values.size}]` : name
      if (values.has(key)) throw badParameter(key, `Duplicate parameter: ${key}`)
      values.set(key, at < 0 ? '' : decode(pair.slice(at + 1)))
    }
    return new Form(values)
  }

  /** Whether the parameter is there, be it empty. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** @throws StripeFailure when a parameter is not one of `names`: a misspelt one must not pass in silence. */
  onlyKnows(names: ReadonlySet<string>): void {
    for (const key of this.#values.keys()) {
      const bracket = key.indexOf('[')
      const name = bracket < 0 ? key : key.slice(0, bracket)
      const unknown = names.has(name) ? unknownMember(key) : name
      if (unknown === undefined) continue
      const shown = unknown.slice(0, 200)
      throw badParameter(shown, `Received unknown parameter: ${shown}`, 'parameter_unknown')
    }
  }

  /** The value; undefined when it is absent or empty, which is how Stripe unsets one. */
  text(name: string, lengthMax: number = limits.textLength): string | undefined {
    const value = this.#values.get(name)
    if (value === undefined || value === '') return undefined
    if (value.length > lengthMax) {
      throw badParameter(name, `Invalid string: must be at most ${lengthMax} characters`)
    }
    return value
  }

  required(name: string): string {
    const value = this.text(name)
    if (value === undefined) {
      throw badParameter(name, `Missing required param: ${name}.`, 'parameter_missing')
    }
    return value
  }

  whole(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!/^-?\d{1,15}$/.test(value)) {
      throw badParameter(
        name,
        `Invalid integer: ${value.slice(0, 50)}`,
        'parameter_invalid_integer',
      )
    }
    return Number(value)
  }

  flag(name: string): boolean {
    const value = this.text(name) ?? 'false'
    if (value !== 'true' && value !== 'false') {
      throw badParameter(name, `Invalid boolean: ${value.slice(0, 50)}`)
    }
    return value === 'true'
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const found = allowed.find((each) => each === value)
    if (found !== undefined) return found
    throw badParameter(name, `Invalid ${name}: must be one of ${allowed.join(', ')}`)
  }

  /** The entries below `name`, by the text in their brackets. */
  group(name: string): Readonly<Record<string, string>> {
    const start = `${name}[`
    const entries: [string, string][] = []
    for (const [key, value] of this.#values) {
      if (key.startsWith(start) && key.endsWith(']')) {
        entries.push([key.slice(start.length, -1), value])
      }
    }
    return Object.fromEntries(entries)
  }

  metadata(): Readonly<Record<string, string>> {
    const group = this.group('metadata')
    const entries = Object.entries(group).filter(([, value]) => value !== '')
    if (entries.length > limits.metadataKeys) {
      throw badParameter('metadata', `Metadata can have up to ${limits.metadataKeys} keys`)
    }
    for (const [key, value] of entries) {
      if (key.length > limits.metadataKeyLength || value.length > limits.metadataValueLength) {
        throw badParameter(
          'metadata',
          `Metadata keys can have up to ${limits.metadataKeyLength} characters, values up to ${limits.metadataValueLength}`,
        )
      }
    }
    return entries.length === Object.keys(group).length ? group : Object.fromEntries(entries)
  }

  /** `known` with the entries of the form over it: an empty one takes a key away, an empty `metadata` all. */
  metadataOver(known: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    if (this.#values.get('metadata') === '') return {}
    const group = this.group('metadata')
    const kept = Object.entries(known).filter(([key]) => !Object.hasOwn(group, key))
    const merged = { ...Object.fromEntries(kept), ...this.metadata() }
    if (Object.keys(merged).length <= limits.metadataKeys) return merged
    throw badParameter('metadata', `Metadata can have up to ${limits.metadataKeys} keys`)
  }

  /** What to write out in place of its id. @throws StripeFailure for anything not `allowed`. */
  expand<T extends string>(allowed: readonly T[]): readonly T[] {
    const asked = Object.values(this.group('expand')).map((value) => {
      const found = allowed.find((each) => each === value)
      if (found !== undefined) return found
      throw badParameter(
        'expand',
        `This property cannot be expanded (${value.slice(0, 100)}).`,
        'property_cannot_be_expanded',
      )
    })
    return [...new Set(asked)]
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.includes('+') ? text.replaceAll('+', ' ') : text)
  } catch {
    throw badParameter('body', 'Invalid form encoding')
  }
}
