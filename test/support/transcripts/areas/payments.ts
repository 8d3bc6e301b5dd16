/** Paying for a checkout: what the bank says, and what becomes of the hold. */
import { expireHolds } from '../../../../src/flows/pay/expire-holds.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import type { Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'

const items = [{ sku: 'PAY-BAG', quantity: 1 }]

export async function payments(stage: Stage): Promise<void> {
  await stage.onSale({ 'PAY-BAG': 50 })
  const jana = await stage.person('jana', 'buyer')
  await paid(stage, jana)
  await declined(stage, jana)
  await askedByTheBank(stage, jana)
  await slowly(stage, jana)
  await ended(stage, jana)
  await refusals(stage, jana)
  await providerAway(stage, jana)
}

async function checkoutOf(stage: Stage, as: Person) {
  const id = await stage.reserved(as, items)
  const path = `/api/checkouts/${id}`
  return {
    id,
    path,
    look: (title: string) => stage.play(title, `GET ${path}`, { as }),
    confirm: (title: string, paymentMethodId: unknown = 'pm_card_visa') =>
      stage.play(title, `POST ${path}/confirm`, { as, body: { paymentMethodId } }),
    giveBack: (title: string) => stage.play(title, `DELETE ${path}`, { as }),
  }
}

async function paid(stage: Stage, as: Person): Promise<void> {
  const { confirm, look, giveBack } = await checkoutOf(stage, as)
  await look('Reserved, and not paid')
  await confirm('Jana pays')
  await confirm('And once more')
  await look('Paid')
  await giveBack('What is paid is not given back')
}

async function declined(stage: Stage, as: Person): Promise<void> {
  const { confirm, look } = await checkoutOf(stage, as)
  await confirm('The bank says no', 'pm_card_chargeDeclined')
  await look('The hold goes on')
  await confirm('No funds', 'pm_card_chargeDeclinedInsufficientFunds')
  await confirm('And no again: the last attempt', 'pm_card_chargeDeclined')
  await look('The units went back')
  await confirm('Too late for another card')
  const other = await checkoutOf(stage, as)
  await other.confirm('The bank says no to the first card', 'pm_card_chargeDeclined')
  await other.confirm('And yes to the second')
}

async function askedByTheBank(stage: Stage, as: Person): Promise<void> {
  const { system } = stage
  const answer = async (id: string, outcome: string) =>
    system.simulator.script('POST', `payment_intents/${await system.intentOf(id)}/authenticate`, {
      outcome,
    })
  const { id, confirm, look, giveBack } = await checkoutOf(stage, as)
  await confirm('The bank wants to ask Jana', 'pm_card_authenticationRequired')
  await look('It is being paid')
  await giveBack('What is being paid is not given back')
  await confirm('Jana has not answered', 'pm_card_authenticationRequired')
  await answer(id, 'succeed')
  await confirm('Jana has answered', 'pm_card_authenticationRequired')
  const other = await checkoutOf(stage, as)
  await other.confirm('The bank wants to ask again', 'pm_card_authenticationRequired')
  await answer(other.id, 'fail')
  await other.confirm('Jana has said no', 'pm_card_authenticationRequired')
}

async function slowly(stage: Stage, as: Person): Promise<void> {
  const { confirm, look } = await checkoutOf(stage, as)
  await confirm('A bank that takes its time', 'pm_usBankAccount_processing')
  await look('Nobody knows yet')
}

async function ended(stage: Stage, as: Person): Promise<void> {
  const { system } = stage
  const late = await checkoutOf(stage, as)
  await system.expireIn(late.id, -1)
  await expireHolds(system.money())
  await late.look('The deadline has passed')
  await late.confirm('Too late')
  await late.giveBack('There is nothing left to give back')
  const cancelled = await checkoutOf(stage, as)
  await cancelled.giveBack('Jana gives it back')
  await cancelled.confirm('What was given back is not paid')
}

async function refusals(stage: Stage, as: Person): Promise<void> {
  const { play } = stage
  const { id, confirm } = await checkoutOf(stage, as)
  await confirm('A payment method that the provider does not know', 'pm_unknown')
  await confirm('A payment method that is none', 'x y')
  await confirm('No payment method', null)
  const body = { paymentMethodId: 'pm_card_visa' }
  const path = `/api/checkouts/${id}/confirm`
  await play('Nobody', `POST ${path}`, { body })
  const kurt = await stage.person('kurt', 'buyer')
  await play('Somebody else', `POST ${path}`, { as: kurt, body })
  await play('No such checkout', `POST /api/checkouts/${newId()}/confirm`, { as, body })
  await play('An id that is none', 'POST /api/checkouts/x/confirm', { as, body })
}

/** The shop asks an absent provider for seconds, so both wait for it together. */
async function providerAway(stage: Stage, as: Person): Promise<void> {
  const { simulator } = stage.system
  const { path, look } = await checkoutOf(stage, as)
  await simulator.script('PUT', 'faults', { outage: 'drop' })
  const paymentMethodId = 'pm_card_visa'
  const headers = { 'idempotency-key': newId() }
  const order = { as, body: { items, paymentMethodId }, headers }
  await stage.recorder.together([
    ['The provider is away', `POST ${path}/confirm`, { as, body: { paymentMethodId } }],
    ['The provider is away from an order in one call', 'POST /api/orders', order],
  ])
  await look('The units went back')
  await stage.play('The same key gets the same answer', 'POST /api/orders', order)
  await simulator.script('DELETE', 'faults')
}
