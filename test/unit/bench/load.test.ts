/**
 * The load generator against a small server in this process: it counts what the server counted, sends
 * every buyer with a key of its own, and comes to an end.
 */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { runClosedLoop } from '../../../bench/load/closed-loop.ts'
import type { LoadJob } from '../../../bench/load/job.ts'
import { runLoad } from '../../../bench/load/load.ts'
import { runPacedLoop } from '../../../bench/load/paced-loop.ts'

interface Shop {
  readonly job: LoadJob
  readonly seen: IncomingMessage[]
}

/** Accepts `units` requests (202), refuses the rest (409). */
async function openShop(t: TestContext, units: number): Promise<Shop> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      seen.push(request)
      response.statusCode = seen.length <= units ? 202 : 409
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    seen,
    job: {
      url: `http://127.0.0.1:${port}`,
      path: '/buy',
      tokens: ['one', 'two', 'three'],
      body: '{"items":[]}',
      headers: {},
      connections: 4,
      durationMs: 20_000,
    },
  }
}

test('the closed loop stops after the refusals and counts every request that was sent', async (t) => {
  const { job, seen } = await openShop(t, 100)
  const result = await runClosedLoop({ ...job, stopAfterRefusals: 10 }).done
  assert.equal(result.accepted, 100)
  assert.equal(result.errors, 0)
  assert.ok(result.refused >= 10 && result.refused < 10 + job.connections)
  assert.equal(result.requests, seen.length)
  assert.ok(result.seconds > 0 && result.seconds < 20)
})

test('every request has its own key, and buyers take turns', async (t) => {
  const { job, seen } = await openShop(t, 60)
  await runClosedLoop({ ...job, stopAfterRefusals: 1 }).done
  const keys = new Set(seen.map((request) => request.headers['idempotency-key']))
  assert.equal(keys.size, seen.length)
  const buyers = new Set(seen.map((request) => request.headers.authorization))
  assert.deepEqual([...buyers].sort(), ['Bearer one', 'Bearer three', 'Bearer two'])
})

test('the paced loop sends exactly its schedule', async (t) => {
  const { job, seen } = await openShop(t, 1_000)
  const result = await runPacedLoop({ ...job, durationMs: 400, ratePerSecond: 500 }).done
  assert.equal(seen.length, 200)
  assert.deepEqual([result.accepted, result.refused, result.errors], [200, 0, 0])
  assert.ok(result.latencyMs.p50 > 0 && result.latencyMs.p50 <= result.latencyMs.max)
})

test('requests that nobody answers are errors, neither accepted nor refused', async (t) => {
  const { job } = await openShop(t, 0)
  const gone = { ...job, url: 'http://127.0.0.1:9', durationMs: 50, ratePerSecond: 100 }
  const result = await runPacedLoop(gone).done
  assert.deepEqual([result.accepted, result.refused, result.errors], [0, 0, 5])
})

test('a generator process hands its result back', async (t) => {
  const { job } = await openShop(t, 50)
  const { signal } = new AbortController()
  const result = await runLoad({ ...job, stopAfterRefusals: 1 }, { onProgress: () => {}, signal })
  assert.equal(result.accepted, 50)
})

test('an aborted load rejects with the reason', async (t) => {
  const { job } = await openShop(t, 1_000_000)
  const stopping = new AbortController()
  const load = runLoad(job, { onProgress: () => stopping.abort(), signal: stopping.signal })
  await assert.rejects(load, { name: 'AbortError' })
})
