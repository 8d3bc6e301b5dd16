// Health answers, metrics and the API's description, with stores that are there and stores that are not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHealth } from '../../../src/http/server/health.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { startTestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'

test('health names a store that is away, and finds it again', async (t) => {
  const { app, redisServer } = await startTestApp(t)
  const healthy = await app.inject('/health')
  assert.equal(healthy.statusCode, 200)
  assert.deepEqual(healthy.json(), { status: 'ok', db: 'healthy', redis: 'healthy' })
  assert.equal((await app.inject('/health/ready')).statusCode, 200)

  await redisServer.kill('SIGKILL')
  await eventually(async () => {
    const answer = await app.inject('/health')
    assert.equal(answer.statusCode, 503)
    assert.deepEqual(answer.json(), { status: 'unavailable', db: 'healthy', redis: 'unhealthy' })
  })
  assert.equal((await app.inject('/health/ready')).statusCode, 503)
  assert.equal((await app.inject('/health/live')).statusCode, 200)

  await redisServer.restart()
  await eventually(async () => assert.equal((await app.inject('/health')).statusCode, 200))
})

test('a check that never answers is unhealthy after its deadline, and many probes ask once', async () => {
  let asked = 0
  const health = createHealth(
    {
      db: async () => {
        asked += 1
      },
      redis: () => new Promise(() => {}),
      payments: () => true,
    },
    systemClock,
  )
  // The deadline does not keep a process alive, so the test does.
  const alive = setInterval(() => {}, 1_000)
  const answers = await Promise.all(Array.from({ length: 50 }, () => health()))
  clearInterval(alive)
  assert.equal(asked, 1)
  assert.deepEqual(answers[49], { status: 'unavailable', db: 'healthy', redis: 'unhealthy' })
})

test('metrics count requests by route, not by path', async (t) => {
  const { app } = await startTestApp(t)
  await app.inject('/health/live')
  await app.inject('/health/live')
  const metrics = await eventually(async () => {
    const { body } = await app.inject('/metrics')
    assert.match(
      body,
      /duration_seconds_count\{method="GET",route="\/health\/live",status="200"\} 2/,
    )
    return body
  })
  assert.match(metrics, /process_resident_memory_bytes/)
})

test('the description is OpenAPI 3.1 and covers the routes', async (t) => {
  const { app } = await startTestApp(t)
  const answer = await app.inject('/openapi.json')
  const document = answer.json()
  assert.equal(document.openapi, '3.1.0')
  const register = document.paths['/api/auth/register'].post
  assert.ok(register.requestBody.content['application/json'].schema.properties.email)
  assert.ok(register.responses['409'].content['application/problem+json'])
  assert.deepEqual(document.paths['/api/me'].get.security, [{ bearer: [] }])
})
