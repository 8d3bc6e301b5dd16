/** One line that says how far the run is: rewritten on a terminal, else repeated every two seconds. */
import { systemClock } from '../../src/kernel/clock.ts'

export interface Progress {
  /** What is going on right now. Cheap; may be called at any rate. */
  update(line: string): void
  /** A line that stays. */
  say(line: string): void
  /** Takes the unfinished line away. */
  clear(): void
}

interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const rewriteMs = 100
const repeatMs = 2_000

export function createProgress(out: Terminal, now = systemClock.monotonic): Progress {
  const tty = out.isTTY === true
  let lastAt = Number.NEGATIVE_INFINITY
  let open = false
  const clear = () => {
    if (open) out.write('\r\u001b[2K')
    open = false
  }
  return {
    update(line) {
      if (now() - lastAt < (tty ? rewriteMs : repeatMs)) return
      lastAt = now()
      if (!tty) {
        out.write(`  ${line}\n`)
        return
      }
      out.write(`\r\u001b[2K  ${line.slice(0, Math.max(20, (out.columns ?? 80) - 4))}`)
      open = true
    },
    say(line) {
      clear()
      lastAt = Number.NEGATIVE_INFINITY
      out.write(`${line}\n`)
    },
    clear,
  }
}
