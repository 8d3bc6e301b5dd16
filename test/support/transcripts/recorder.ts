/** Plays requests against a running shop and writes down what is asked and answered. */
import assert from 'node:assert/strict'
import type { Role } from '../../../src/identity/permissions.ts'
import { eventually } from '../eventually.ts'
import type { AnswerBody } from '../system.ts'
import { Placeholders } from './placeholders.ts'
import { Words } from './words.ts'

export interface Person {
  readonly id: string
  readonly role: Role
}

export interface Ask {
  readonly as?: Person
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  /** Default: the shop's. */
  readonly url?: string
  /** Members that are not written down, because they depend on timing. */
  readonly without?: readonly string[]
  /** Writes all headers down, not only those of {@link shownHeaders}. */
  readonly allHeaders?: true
  /** Writes an answer down that is no JSON; default: its length is left out, and so is its text. */
  readonly show?: (text: string) => string
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed JSON; empty for anything else. */
  readonly body: AnswerBody
}

export type Play = (title: string, call: string, ask?: Ask) => Promise<Answered>

/** In the order in which they are written down. */
const shownHeaders = [
  'content-type',
  'location',
  'retry-after',
  'idempotency-replayed',
  'preference-applied',
  'etag',
  'www-authenticate',
  'allow',
  'cache-control',
  'link',
  'ratelimit-limit',
]

/** These say when, or how long, and not what. */
const passingHeaders = new Set([
  'date',
  'keep-alive',
  'connection',
  'content-length',
  'x-request-id',
])

/** Of requests; an answer shows what became of them. */
const secretHeaders = new Set(['authorization', 'stripe-signature'])

const rawMax = 400

export interface RecorderDeps {
  readonly url: string
  readonly bearer: (id: string, role: Role) => string
}

export class Recorder {
  readonly names = new Placeholders()
  /** `METHOD /path`, of all that was written down. */
  readonly calls = new Set<string>()
  /** Of all problems that were written down. */
  readonly codes = new Set<string>()
  readonly #deps: RecorderDeps
  #words = new Words()
  #lines: string[] = []

  constructor(deps: RecorderDeps) {
    this.#deps = deps
  }

  /** Begins the transcript of an area. */
  enter(area: string): void {
    this.names.enter(area)
    this.#words = new Words()
    this.#lines = []
  }

  /** The transcript so far. */
  get text(): string {
    return `${this.#lines.join('\n')}\n## Words\n\n${this.#words}`
  }

  /** Sends without writing anything down. */
  async send(call: string, ask: Ask = {}): Promise<Answered> {
    const [method = '', path = ''] = call.split(' ')
    const { as, body, raw, headers, url = this.#deps.url } = ask
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(as && { authorization: this.#deps.bearer(as.id, as.role) }),
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
      redirect: 'manual',
      signal: AbortSignal.timeout(45_000),
    })
    const text = await response.text()
    const json = text !== '' && isJson(response.headers)
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: json ? JSON.parse(text) : {},
    }
  }

  /** Sends once and writes it down. */
  play: Play = async (title, call, ask = {}) =>
    this.#note(title, call, ask, await this.send(call, ask))

  /** Sends all of them at once, and writes them down in this order. */
  async together(
    calls: readonly (readonly [title: string, call: string, ask: Ask])[],
  ): Promise<void> {
    const answers = await Promise.all(calls.map(([, call, ask]) => this.send(call, ask)))
    for (const [index, [title, call, ask]] of calls.entries()) {
      this.#note(title, call, ask, answers[index] as Answered)
    }
  }

  /** Sends until the answer is as wanted, and writes that one down. */
  until = async (
    title: string,
    call: string,
    ask: Ask,
    wanted: (answer: Answered) => boolean,
  ): Promise<Answered> => {
    const answer = await eventually(async () => {
      const seen = await this.send(call, ask)
      assert.ok(wanted(seen), `${title}: ${seen.status} ${seen.text.slice(0, 2_000)}`)
      return seen
    })
    return this.#note(title, call, ask, answer)
  }

  /** Writes something down that was not asked by {@link send}. */
  note(title: string, text: string): void {
    this.#lines.push(`## ${title}\n`, this.#shown(text), '')
  }

  #note(title: string, call: string, ask: Ask, answer: Answered): Answered {
    this.calls.add(call.split('?')[0] ?? '')
    const { status, headers, text, body } = answer
    // An answer to HEAD has no body.
    if (isProblem(headers) && body.code !== undefined) this.codes.add(body.code)
    if (body.requestId !== undefined) assert.equal(body.requestId, headers.get('x-request-id'))
    const request = [call, ...(ask.as ? [`as: ${ask.as.id} (${ask.as.role})`] : []), ...sentOf(ask)]
    const json = text !== '' && isJson(headers)
    const told = json ? this.#jsonOf(ask, body) : (ask.show?.(text) ?? nameOf(text))
    const response = [`${status}`, ...headersOf(answer, ask), ...(told === '' ? [] : [told])]
    this.note(title, `${request.join('\n')}\n\n${response.join('\n')}`)
    return answer
  }

  #jsonOf({ without = [] }: Ask, body: AnswerBody): string {
    const named = this.#words.takeOut(body)
    const shown = (name: string, value: unknown) => {
      if (name === 'requestId') return '<request>'
      return without.includes(name) ? undefined : value
    }
    return JSON.stringify(named, shown, 2)
  }

  #shown(text: string): string {
    const short = text.replace(/x{50,}/g, (run) => `<x ${run.length} times>`)
    return this.names.replaceIn(short.replaceAll(this.#deps.url, '<shop>'))
  }
}

function isProblem(headers: Headers): boolean {
  return headers.get('content-type')?.startsWith('application/problem+json') === true
}

function isJson(headers: Headers): boolean {
  return /^application\/(?:problem\+)?json/.test(headers.get('content-type') ?? '')
}

function nameOf(text: string): string {
  return text === '' ? '' : '(a body that is not written down)'
}

function sentOf({ headers = {}, body, raw }: Ask): string[] {
  const lines = Object.entries(headers)
    .filter(([name]) => !secretHeaders.has(name))
    .map(([name, value]) => `${name}: ${value}`)
  if (raw === undefined) {
    return body === undefined ? lines : [...lines, JSON.stringify(body, undefined, 2)]
  }
  const short = typeof raw === 'string' && raw.length <= rawMax
  return [...lines, short ? raw : '(a body that is not written down)']
}

function headersOf({ status, headers }: Answered, { allHeaders }: Ask): string[] {
  const names = allHeaders
    ? [...headers.keys()].filter((name) => !passingHeaders.has(name)).sort()
    : shownHeaders.filter((name) => headers.has(name))
  return names.map((name) => {
    const value = name === 'retry-after' && status === 429 ? '<seconds>' : headers.get(name)
    return `${name}: ${value}`
  })
}
