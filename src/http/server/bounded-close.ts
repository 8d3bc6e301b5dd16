import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../kernel/clock.ts'

const limits = { sweepMs: 20, closeMs: 5_000 } as const

/**
 * Bounds `app.close()`. A connection that becomes idle after closing began would otherwise be kept for as
 * long as its keep-alive lasts; and an answer that does not end (an event stream) is cut after 5 seconds.
 */
export function boundClose(app: FastifyInstance, clock: Clock): void {
  app.addHook('preClose', async () => {
    const { server } = app
    if (!server.listening) return
    const endsAt = clock.monotonic() + limits.closeMs
    const sweep = () => {
      if (clock.monotonic() >= endsAt) server.closeAllConnections()
      else server.closeIdleConnections()
      cancel = clock.after(limits.sweepMs, sweep)
    }
    let cancel = clock.after(limits.sweepMs, sweep)
    server.once('close', () => cancel())
  })
}
