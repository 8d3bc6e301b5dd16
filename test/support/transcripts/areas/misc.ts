/** What the server itself answers: probes, its own description, and requests that reach no route. */
import { connect } from 'node:net'
import type { Stage } from '../stage.ts'

export async function misc(stage: Stage): Promise<void> {
  await probes(stage)
  await paths(stage)
  await bodies(stage)
  await tokens(stage)
  const line = 'GET /health/live HTTP/9.9\r\n\r\n'
  stage.recorder.note('What is not HTTP', `${line.trim()}\n\n${await rawAnswer(stage, line)}`)
}

async function probes({ play }: Stage): Promise<void> {
  await play('Both stores are there', 'GET /health')
  await play('The process takes work', 'GET /health/ready')
  await play('The process answers, with all its headers', 'GET /health/live', { allHeaders: true })
  await play('The measurements', 'GET /metrics', { show: metricsIn })
  await play('The description for programs', 'GET /openapi.json', {
    without: ['info', 'paths', 'components'],
  })
  await play('The description for people, with all headers', 'GET /docs/', { allHeaders: true })
  await play('The yardstick of reads', 'GET /api/bench/baseline')
}

async function paths({ play }: Stage): Promise<void> {
  await play('A path that leads nowhere', 'GET /api/nothing?secret=1')
  await play('A method that a path does not take', 'POST /api/me')
  await play('A method that a path with an id does not take', 'POST /api/orders/1/cancel')
  await play('A path that is no URL', 'GET /api/%zz')
  await play('A NUL in the URL', 'GET /api/products/a%00b')
  await play('A segment that is too long', `GET /api/products/${'x'.repeat(300)}`)
  await play('A URL that is too long', `GET /health?${'x'.repeat(4_200)}`)
  await play('A page of another origin asks first', 'OPTIONS /api/products', {
    headers: { origin: 'https://elsewhere.example', 'access-control-request-method': 'GET' },
  })
  await play('Only the headers', 'HEAD /api/products?category=nothing')
}

async function bodies(stage: Stage): Promise<void> {
  const as = await stage.person('ada', 'buyer')
  const post = (title: string, raw: string, type = 'application/json') =>
    stage.play(title, 'POST /api/bench/baseline', { as, raw, headers: { 'content-type': type } })
  await post('Any JSON', '{"any":"thing"}')
  await post('Broken JSON', '{"any":')
  await post('A member that would change a prototype', '{"__proto__":{"role":"admin"}}')
  await post('A body that is too large', JSON.stringify('x'.repeat(70_000)))
  await post('A body that is no JSON', 'hello', 'text/plain')
  const account = { email: 'ada@example.com', password: 'a-good-password', name: 'Ada' }
  const register = (title: string, raw: string) =>
    stage.play(title, 'POST /api/auth/register', { raw })
  await register('No body where one is needed', '')
  await register('null for a body', 'null')
  await register('A member that nobody asked for', JSON.stringify({ ...account, isAdmin: true }))
}

async function tokens({ play, system }: Stage): Promise<void> {
  const with_ = (title: string, authorization: string) =>
    play(title, 'POST /api/bench/baseline', { body: {}, headers: { authorization } })
  await play('No token', 'POST /api/bench/baseline', { body: {} })
  await with_('A token that is none', 'Bearer garbage')
  await with_('Another scheme', 'Basic YTpi')
  const [header, claims] = system.bearer().split('.')
  await with_('A token with another signature', `${header}.${claims}.AAAA`)
}

/** The names of our own measurements, with their types. */
function metricsIn(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.startsWith('# TYPE sluice_'))
    .sort()
    .join('\n')
}

/** What the server says on a bare connection, until it closes it. */
function rawAnswer({ system }: Stage, sent: string): Promise<string> {
  const { hostname, port } = new URL(system.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(sent))
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.once('error', reject)
    socket.once('end', () => {
      socket.end()
      resolve(text.replaceAll('\r', ''))
    })
  })
}
