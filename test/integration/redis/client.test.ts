// What a connection does with a command whose reply went down with the server, on a Redis that is killed.
import assert from 'node:assert/strict'
import test from 'node:test'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { eventually } from '../../support/eventually.ts'
import { startHoldingProxy } from '../../support/holding-proxy.ts'
import { createTestRedis } from '../../support/stores.ts'

for (const purpose of ['gate', 'patient'] as const) {
  test(`a ${purpose} command whose reply is lost fails with the connection, not at its time limit`, async (t) => {
    const server = await createTestRedis(t)
    const client = openRedis(server.url, purpose, () => {})
    t.after(() => client.disconnect())
    await eventually(() => client.ping())
    await server.kill('SIGSTOP')
    const failure = client.get('anything').then(
      () => 'answered',
      (error: Error) => error.message,
    )
    await server.kill('SIGKILL')
    await server.restart()
    assert.match(await failure, /Reached the max retries per request limit/)
    await eventually(() => client.ping())
  })
}

test('a connection that has gone silent is given up with the command that waits on it', async (t) => {
  const server = await createTestRedis(t)
  const url = new URL(server.url)
  const proxy = await startHoldingProxy(t, { host: url.hostname, port: Number(url.port) })
  url.port = String(proxy.port)
  const clients = (['gate', 'patient'] as const).map((purpose) =>
    openRedis(url.href, purpose, () => {}),
  )
  t.after(() => {
    for (const client of clients) client.disconnect()
  })
  for (const client of clients) await eventually(() => client.ping())
  const closed = clients.map((client) => new Promise((resolve) => client.once('close', resolve)))
  proxy.hold()
  const answers = await Promise.allSettled(clients.map((client) => client.get('anything')))
  for (const { status } of answers) assert.equal(status, 'rejected')
  await Promise.all(closed)
})
