/** What happened, in order. Notes keep what they are given and become text only when somebody reads them. */
import type { Scheduler } from './scheduler.ts'

interface Note {
  readonly atMs: number
  readonly who: string
  readonly what: string
  readonly details: readonly unknown[]
}

/** Characters of a note, at most. */
const noteMax = 240

export class Story {
  readonly #scheduler: Scheduler
  readonly #notes: Note[] = []

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  note(who: string, what: string, ...details: readonly unknown[]): void {
    this.#notes.push({ atMs: this.#scheduler.now, who, what, details })
  }

  /** The last `count` notes, one a line. */
  text(count = Number.POSITIVE_INFINITY): string {
    return this.#notes.slice(-count).map(lineOf).join('\n')
  }
}

function lineOf({ atMs, who, what, details }: Note): string {
  const told = details.map((detail) => (typeof detail === 'string' ? detail : jsonOf(detail)))
  const line = [atMs.toFixed(3).padStart(10), who.padEnd(8), what, ...told].join(' ')
  return line.length > noteMax ? `${line.slice(0, noteMax)}…` : line
}

function jsonOf(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`
  return (
    JSON.stringify(value, (_, each: unknown) => {
      return each instanceof Map || each instanceof Set ? [...each] : each
    }) ?? 'nothing'
  )
}
