// The description of the API: complete, and readable by people without anything from elsewhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOperations } from '../../support/openapi.ts'
import { startTestSystem } from '../../support/system.ts'

test('the description names every operation, its answers, and who may call it', async (t) => {
  const system = await startTestSystem(t, { workers: 0, settings: { BENCH_ROUTES: '1' } })
  const document = await fetch(`${system.url}/openapi.json`)
  assert.match(await document.text(), /^\{"openapi":"3\.1\.0"/)
  const lacking: string[] = []
  for (const [route, operation] of await readOperations(system)) {
    const { summary, tags, security = [], parameters, responses } = operation
    const lack = (what: string) => lacking.push(`${route}: ${what}`)
    if (!summary) lack('summary')
    if (!tags?.length) lack('tags')
    const statuses = Object.keys(responses)
    if (!statuses.some((status) => /^[23]/.test(status))) lack('success')
    const open = route.includes('/bench/')
    if (security.length > 0 && !open && !statuses.includes('401')) lack('401')
    const named = new Set(parameters.map(({ name }) => name))
    for (const [, name = ''] of route.matchAll(/\{(\w+)\}/g)) if (!named.has(name)) lack(name)
  }
  assert.deepEqual(lacking, [])
})

test('the reference at /docs loads nothing from elsewhere', async (t) => {
  const system = await startTestSystem(t, { workers: 0 })
  const page = await fetch(`${system.url}/docs/`)
  assert.equal(page.status, 200)
  const policy = page.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'self'/)
  assert.doesNotMatch(policy, /https?:|unsafe|\*/)
  const html = await page.text()
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link)
  assert.ok(links.length > 3)
  for (const link of links) {
    const url = new URL(link, `${system.url}/docs/`)
    assert.equal(url.origin, system.url)
    const loaded = await fetch(url)
    assert.equal(loaded.status, 200, link)
    await loaded.arrayBuffer()
  }
  // The page's own policy is for the page alone.
  const other = await fetch(`${system.url}/health/live`)
  assert.match(other.headers.get('content-security-policy') ?? '', /default-src 'none'/)
})
