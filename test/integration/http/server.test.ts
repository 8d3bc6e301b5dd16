// What only shows on a real port: requests that are no HTTP, headers that are too long, and closing.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { startTestApp } from '../../support/app.ts'

function exchange(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let answer = ''
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = Symbol('late')
  const done = new AbortController()
  const first = await Promise.race([work, systemClock.sleep(ms, done.signal).then(() => late)])
  done.abort()
  if (first === late) throw new Error(`not done after ${ms} ms`)
  return first as T
}

test('an answer that does not end is cut when the server closes', async (t) => {
  const { app } = await startTestApp(t, {
    routes: [
      async (scope) => {
        scope.get('/endless', (_request, reply) => {
          reply.hijack()
          reply.raw.writeHead(200).write('first')
        })
      },
    ],
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const answer = await fetch(`${url}/endless`)
  const rest = assert.rejects(answer.text())
  await within(app.close(), 15_000)
  await rest
})

test('what is not HTTP is answered and the connection is closed', async (t) => {
  const { app } = await startTestApp(t)
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  const garbage = await exchange(port, 'HELLO\r\n\r\n')
  assert.match(garbage, /^HTTP\/1.1 400 /)
  assert.match(garbage, /application\/problem\+json/)
  const long = await exchange(
    port,
    `GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
  )
  assert.match(long, /^HTTP\/1.1 431 /)
})

test('closing lets a request finish and refuses new connections', async (t) => {
  const started = Promise.withResolvers<void>()
  const { app } = await startTestApp(t, {
    routes: [
      async (scope) => {
        scope.get('/slow', async () => {
          started.resolve()
          await systemClock.sleep(200)
          return { done: true }
        })
      },
    ],
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const slow = fetch(`${url}/slow`)
  await started.promise
  // The keep-alive of the connection is 72 seconds: closing must not wait for it.
  const closed = within(app.close(), 10_000)
  assert.deepEqual(await (await slow).json(), { done: true })
  await closed
  await assert.rejects(fetch(`${url}/health/live`))
})

test('the routes of the benchmark exist only where they are switched on', async (t) => {
  const statusWith = async (settings: Record<string, string>) => {
    const { app, bearer } = await startTestApp(t, { settings })
    const description = await app.inject('/openapi.json')
    const [read, sent] = await Promise.all([
      app.inject('/api/bench/baseline'),
      app.inject({
        method: 'POST',
        url: '/api/bench/baseline',
        headers: bearer(),
        payload: {},
      }),
    ])
    return [read.statusCode, sent.statusCode, description.body.includes('/api/bench')]
  }
  assert.deepEqual(await statusWith({}), [404, 404, false])
  assert.deepEqual(await statusWith({ BENCH_ROUTES: '1' }), [200, 200, true])
})
