/** A TCP proxy in front of a server whose answers can be held back: shows what a client says before it hears. */
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface HoldingProxy {
  readonly port: number
  /** Keeps answers back from now on. */
  hold(): void
  /** Hands over what was kept back, and everything after it. */
  release(): void
  /** Breaks every connection, and forgets what was kept back. */
  cut(): void
  /** What clients have sent since the last hold. */
  sent(): string
}

export async function startHoldingProxy(
  t: Pick<TestContext, 'after'>,
  target: { readonly host: string; readonly port: number },
): Promise<HoldingProxy> {
  let holding = false
  let sent = ''
  const kept: [Socket, Buffer][] = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
    client.on('data', (data) => {
      sent += data.toString('latin1')
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (holding) kept.push([client, data])
      else client.write(data)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    hold() {
      holding = true
      sent = ''
    },
    release() {
      holding = false
      for (const [client, data] of kept.splice(0)) client.write(data)
    },
    cut() {
      kept.length = 0
      for (const socket of sockets) socket.destroy()
    },
    sent: () => sent,
  }
}
