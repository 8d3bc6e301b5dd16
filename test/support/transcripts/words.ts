/**
 * The free text of problems, kept apart from what programs read: a transcript names each text, and ends with
 * the list of them. Another wording is one changed line.
 */
import { z } from 'zod'

const Problem = z.looseObject({
  code: z.string(),
  title: z.string(),
  detail: z.string(),
  errors: z.array(z.unknown()).optional(),
})

const Message = z.looseObject({ message: z.string() })

export class Words {
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  /** The problem with a name instead of each text; anything else as it is. */
  takeOut(body: unknown): unknown {
    const parsed = Problem.safeParse(body)
    if (!parsed.success) return body
    const { code, title, detail, errors } = parsed.data
    return replaceMembers(body, {
      title: this.#nameOf(`${code} title`, title),
      detail: this.#nameOf(`${code} detail`, detail),
      errors: errors?.map((error) =>
        replaceMembers(error, { message: this.#nameOf('message', Message.parse(error).message) }),
      ),
    })
  }

  /** One line a text. */
  toString(): string {
    return [...this.#names]
      .map(([text, name]) => `${name} ${text.slice(text.indexOf(':') + 1)}\n`)
      .join('')
  }

  #nameOf(kind: string, text: string): string {
    const key = `${kind}:${text}`
    const known = this.#names.get(key)
    if (known) return known
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    const name = `{${kind} ${count}}`
    this.#names.set(key, name)
    return name
  }
}

/** The object with other values for some of its members, in their order. */
function replaceMembers(value: unknown, others: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(value as object).map(([name, member]) => [name, others[name] ?? member]),
  )
}
