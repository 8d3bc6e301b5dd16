// The small decisions of the HTTP edge: which errors are outages, and which addresses are one client.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { isOutage } from '../../../src/http/server/outage.ts'
import { addressOf } from '../../../src/http/server/rate-limit.ts'

const coded = (code: string) => Object.assign(new Error('failed'), { code })

test('a store that is away is told from a failure of our own', () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', '57P01', '57P03', '53300', '08006', '40P01']) {
    assert.ok(isOutage(coded(code)), code)
    assert.ok(isOutage(new Error('outer', { cause: coded(code) })), `${code} as a cause`)
  }
  for (const message of [
    'Connection is closed.',
    'LOADING Redis is loading',
    'Command timed out',
  ]) {
    assert.ok(isOutage(new Error(message)), message)
  }
  for (const error of [
    coded('23505'),
    coded('42601'),
    new Error('x'),
    new TypeError('y'),
    undefined,
  ]) {
    assert.ok(!isOutage(error))
  }
})

test('a customer of an IPv6 provider is one address', () => {
  const of = (ip: string) => addressOf({ ip } as FastifyRequest)
  assert.equal(of('192.0.2.1'), '192.0.2.1')
  assert.equal(of('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(of('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(of('2001:db8:1:2::9'), '2001:db8:1:2::/64')
  assert.equal(of('2001:db8::9'), '2001:db8:0:0::/64')
  assert.equal(of('::1'), '0:0:0:0::/64')
  assert.equal(of('fe80::1%eth0'), 'fe80:0:0:0::/64')
})
