/**
 * Virtual time. What is due happens one after the other, in the order of its time and, at the same time, in the order
 * in which it was planned; between two events every promise that can go on goes on. Nothing waits for real time.
 */
export interface Planned {
  cancelled: boolean
}

interface Event extends Planned {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class Scheduler {
  /** Milliseconds since the story began; fractions count. */
  now = 0
  readonly #heap: Event[] = []
  #planned = 0

  /** Plans `run` for `ms` from now. */
  plan(ms: number, run: () => void): Planned {
    const event: Event = {
      at: this.now + Math.max(ms, 0),
      order: this.#planned++,
      run,
      cancelled: false,
    }
    this.#push(event)
    return event
  }

  /** Lets events happen until `until` says so, or until nothing is planned before `endMs`. Rejects with what an event throws. */
  run(endMs: number, until: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          const event = until() ? undefined : this.#next(endMs)
          if (!event) return resolve()
          this.now = event.at
          event.run()
        } catch (error) {
          return reject(error)
        }
        // A tick that is asked for by a microtask comes when no microtask is left.
        queueMicrotask(tick)
      }
      const tick = () => process.nextTick(step)
      step()
    })
  }

  /** The next event, taken out. Those beyond the end stay. */
  #next(endMs: number): Event | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (!first || first.at > endMs) return undefined
      this.#pop()
      if (!first.cancelled) return first
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Event
      if (!isBefore(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    const { length } = heap
    if (length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= length) break
      const right = heap[below + 1]
      if (right && below + 1 < length && isBefore(right, heap[below] as Event)) below += 1
      if (!isBefore(heap[below] as Event, last)) break
      heap[at] = heap[below] as Event
      at = below
    }
    heap[at] = last
  }
}

const isBefore = (a: Event, b: Event): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order)
