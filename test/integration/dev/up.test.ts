// `npm start`, as a person runs it: it comes up, brings back what dies, stops without a trace, and says in
// one line why it cannot start. Runs the real launcher with all its parts as processes.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { freePort } from '../../../dev/free-port.ts'
import { endProcesses, isAlive } from '../../../dev/processes.ts'
import { type Runtime, readRuntime } from '../../../dev/runtime-file.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { type Child, startChild } from '../../support/child.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestFolder } from '../../support/stores.ts'

const roles = ['postgres', 'redis', 'api', 'worker', 'stripe']
const slow = { timeoutMs: 60_000 }

interface Place {
  readonly dataDir: string
  readonly port: number
  readonly launchers: Child[]
}

async function somewhere(t: TestContext): Promise<Place> {
  const place: Place = { dataDir: createTestFolder(t), port: await freePort(), launchers: [] }
  t.after(async () => {
    // The launchers first: a living one starts again what is ended here.
    for (const launcher of place.launchers) {
      launcher.process.kill('SIGKILL')
      await launcher.ended
    }
    const left = readRuntime(place.dataDir)?.processes.map(({ pid }) => pid) ?? []
    await endProcesses(left, [{ signal: 'SIGKILL', waitMs: 5_000 }])
  })
  return place
}

function up(t: TestContext, place: Place, env: Record<string, string> = {}): Child {
  const settings = { DATA_DIR: place.dataDir, PORT: String(place.port), LOG_LEVEL: 'warn' }
  const launcher = startChild(t, 'dev/main.ts', ['start'], { ...settings, ...env })
  place.launchers.push(launcher)
  return launcher
}

async function untilUp(launcher: Child): Promise<void> {
  await eventually(() => assert.match(launcher.said(), /Sluice is up/), slow)
}

async function healthy(place: Place): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${place.port}/health`)).ok
  } catch {
    return false
  }
}

function runtimeOf(place: Place): Runtime {
  const runtime = readRuntime(place.dataDir)
  assert.ok(runtime)
  return runtime
}

const pidOf = (runtime: Runtime, role: string) =>
  runtime.processes.find((each) => each.role === role)?.pid ?? 0
const alive = (runtime: Runtime) => runtime.processes.filter(({ pid }) => isAlive(pid))

test('it starts every part, and SIGTERM stops them all and leaves no trace', async (t) => {
  const place = await somewhere(t)
  const launcher = up(t, place)
  await untilUp(launcher)
  assert.equal(await healthy(place), true)
  const runtime = runtimeOf(place)
  assert.deepEqual(
    runtime.processes.map(({ role }) => role),
    roles,
  )
  assert.equal(runtime.apiUrl, `http://127.0.0.1:${place.port}`)
  assert.equal(runtime.sweepSeconds, 60)
  assert.ok(existsSync(runtime.mailDir))
  assert.equal((await fetch(`${runtime.stripeUrl}/v1/payment_intents`)).status, 401)
  assert.match(launcher.said(), /FLASH-001/)
  launcher.process.kill('SIGTERM')
  // A terminal and npm both pass a Ctrl-C on: close together they are one wish, not a second one.
  launcher.process.kill('SIGINT')
  assert.equal(await launcher.ended, 0)
  assert.deepEqual(alive(runtime), [])
  assert.equal(existsSync(join(place.dataDir, 'runtime.json')), false)
  assert.equal(existsSync(join(place.dataDir, 'launcher.lock')), false)
})

test('it is not up before the payment simulator answers', async (t) => {
  const place = await somewhere(t)
  const launcher = up(t, place)
  const stripe = await eventually(() => {
    const pid = pidOf(runtimeOf(place), 'stripe')
    assert.notEqual(pid, 0)
    return pid
  }, slow)
  process.kill(stripe, 'SIGSTOP')
  await eventually(async () => assert.equal(await healthy(place), true), slow)
  // The launcher asks the API every 50 ms: a second later it has long seen what we have just seen.
  await systemClock.sleep(1_000)
  assert.doesNotMatch(launcher.said(), /Sluice is up/)
  process.kill(stripe, 'SIGCONT')
  await untilUp(launcher)
})

test('a part that dies is started again, with a line that says so', async (t) => {
  const place = await somewhere(t)
  const launcher = up(t, place)
  await untilUp(launcher)
  const before = runtimeOf(place)
  for (const { pid } of before.processes) process.kill(pid, 'SIGKILL')
  await eventually(async () => {
    const now = runtimeOf(place)
    for (const role of roles) assert.notEqual(pidOf(now, role), pidOf(before, role))
    assert.equal(alive(now).length, roles.length)
    assert.equal(await healthy(place), true)
  }, slow)
  for (const name of ['PostgreSQL', 'Redis', 'the API', 'the worker', 'the payment simulator']) {
    assert.match(launcher.said(), new RegExp(`${name} has ended \\(ended by SIGKILL\\)`))
  }
  const after = runtimeOf(place)
  launcher.process.kill('SIGINT')
  assert.equal(await launcher.ended, 0)
  assert.deepEqual(alive(after), [])
})

test('a start after the launcher was killed ends its orphans and takes their port', async (t) => {
  const place = await somewhere(t)
  const first = up(t, place)
  await untilUp(first)
  const orphans = runtimeOf(place)
  first.process.kill('SIGKILL')
  await first.ended
  assert.equal(alive(orphans).length, roles.length)
  const second = up(t, place)
  await untilUp(second)
  assert.deepEqual(alive(orphans), [])
  assert.match(second.said(), /ending the api left behind/)
  assert.equal(await healthy(place), true)
  second.process.kill('SIGTERM')
  assert.equal(await second.ended, 0)
})

test('a signal during the start stops it without a trace', async (t) => {
  const place = await somewhere(t)
  const launcher = up(t, place)
  await eventually(() => assert.match(launcher.said(), /creating/), slow)
  launcher.process.kill('SIGTERM')
  assert.equal(await launcher.ended, 0)
  assert.equal(existsSync(join(place.dataDir, 'launcher.lock')), false)
})

test('a port that is taken is said in one line', async (t) => {
  const place = await somewhere(t)
  const squatter = createServer()
  await new Promise<void>((resolve) => squatter.listen(place.port, '127.0.0.1', resolve))
  t.after(() => squatter.close())
  const launcher = up(t, place)
  assert.equal(await launcher.ended, 1)
  assert.match(launcher.said(), new RegExp(`^port ${place.port} on 127.0.0.1 is taken[^\\n]*\\n$`))
})

test('a bad setting is said in one line that names it', async (t) => {
  const launcher = up(t, await somewhere(t), { HOLD_SECONDS: 'soon' })
  assert.equal(await launcher.ended, 1)
  assert.match(launcher.said(), /^HOLD_SECONDS: [^\n]*\n$/)
})

test('a role that is unknown, or has no store, is refused in one line', async (t) => {
  const unknown = startChild(t, 'src/main.ts', ['cook'])
  assert.equal(await unknown.ended, 1)
  assert.match(unknown.said(), /^usage: [^\n]*\n$/)
  const storeless = startChild(t, 'src/main.ts', ['api'])
  assert.equal(await storeless.ended, 1)
  assert.match(storeless.said(), /^DATABASE_URL: is not set\n$/)
})
