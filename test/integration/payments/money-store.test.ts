// The money in PostgreSQL keeps to the contract of its port.
import type { TestContext } from 'node:test'
import { pgMoneyStore } from '../../../src/flows/pay/money/pg-money-store.ts'
import { testPool } from '../../support/background.ts'
import {
  answerUnits,
  emptyMoney,
  moneySeen,
  passSeconds,
  writeHold,
} from '../../support/purchases/money.ts'
import { moneyStoreContract } from './money-store.suite.ts'

moneyStoreContract('PostgreSQL', async (t: TestContext) => {
  const pool = await testPool(t)
  const store = pgMoneyStore(pool)
  return async () => {
    await emptyMoney(pool)
    return {
      store,
      hold: (checkout, expiresInSeconds) => writeHold(pool, checkout, expiresInSeconds),
      pass: (seconds) => passSeconds(pool, seconds),
      answer: (checkoutId, stock) => answerUnits(pool, checkoutId, stock),
      see: (checkoutId) => moneySeen(pool, checkoutId),
    }
  }
})
