// Gates, mailboxes and messages in Redis keep to the contracts of their ports.
import type { TestContext } from 'node:test'
import { systemClock } from '../../../../src/kernel/clock.ts'
import { openRedis } from '../../../../src/platform/redis/client.ts'
import { RedisGates } from '../../../../src/stock/gate/redis-gates.ts'
import { RedisMailbox } from '../../../../src/stock/gate/redis-mailbox.ts'
import { RedisWakes } from '../../../../src/stock/gate/redis-wakes.ts'
import { openTestRedis } from '../../../support/gate.ts'
import { gateStoreContract } from './gate-store.suite.ts'
import { mailboxContract } from './mailbox.suite.ts'

const onRedis = (cluster: boolean) => async (t: TestContext) => {
  const { server, redis } = await openTestRedis(t, cluster)
  const subscriber = openRedis(server.url, 'subscriber', () => {})
  t.after(() => subscriber.disconnect())
  return async () => {
    await redis.flushall()
    return {
      gates: new RedisGates(redis, systemClock.now),
      mailbox: new RedisMailbox(redis),
      wakes: new RedisWakes({ subscriber, publisher: redis }),
    }
  }
}

for (const cluster of [false, true]) {
  const name = cluster ? 'a Redis Cluster' : 'Redis'
  gateStoreContract(name, onRedis(cluster))
  mailboxContract(name, onRedis(cluster))
}
