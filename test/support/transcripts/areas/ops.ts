/**
 * What admins see and do. No worker runs any more, so that what is parked stays parked and what was asked
 * for is not done behind the transcript's back.
 */
import assert from 'node:assert/strict'
import type { Stripe } from 'stripe'
import { demoSecrets } from '../../../../src/config/config.ts'
import { handleStripeEvent } from '../../../../src/flows/pay/handle-event.ts'
import { runRefunds } from '../../../../src/flows/pay/run-refunds.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import { appendOutbox } from '../../../../src/platform/outbox.ts'
import { sql } from '../../../../src/platform/postgres/pool.ts'
import { signatureOf } from '../../webhooks.ts'
import type { Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'
import { eventOf } from './webhooks.ts'

export async function ops(stage: Stage): Promise<void> {
  await parkedWebhooks(stage)
  const rosa = await stage.person('rosa', 'buyer')
  await stage.onSale({ 'OPS-FAN': 9 })
  const orders = [await planned(stage, rosa, 1), await planned(stage, rosa, 2)] as const
  const suspect = await planned(stage, rosa, 1)
  await stage.system.stopWorkers()
  await parkedEvents(stage)
  const cancel = (title: string, id: string) =>
    stage.play(title, `PUT /api/orders/${id}/cancel`, { as: rosa })
  await cancel('A paid order is cancelled', orders[0])
  await cancel('And once more', orders[0])
  await runRefunds(stage.system.money())
  await cancel('The money has gone back', orders[0])
  await cancel('Another one is cancelled', orders[1])
  await failedRefunds(stage)
  await warnings(stage, suspect, rosa)
  const subject = (id: string) => `GET /api/audit?subject=order%3A${id}`
  await stage.play('What the audit log says', subject(orders[0]), { as: stage.admin })
  await audit(stage)
}

/** A paid order whose parcel is planned. */
async function planned(stage: Stage, as: Person, quantity: number): Promise<string> {
  const id = await stage.paid(as, [{ sku: 'OPS-FAN', quantity }])
  await stage.shipmentOf(id)
  return id
}

async function parkedWebhooks(stage: Stage): Promise<void> {
  const { play, admin } = stage
  for (const id of ['evt_parked_1', 'evt_parked_2', 'evt_parked_3']) {
    const raw = eventOf(id, { id: 'pi_of_nobody' })
    const headers = { 'stripe-signature': signatureOf(raw, { secret: demoSecrets.webhook }) }
    assert.equal((await stage.send('POST /webhooks/stripe', { raw, headers })).status, 200)
  }
  const list = '/api/ops/webhooks'
  await stage.until(
    'Events that cannot be read are parked',
    `GET ${list}`,
    { as: admin },
    ({ text }) => text.split('"parked"').length === 4,
  )
  const { body } = await play('The first page', `GET ${list}?limit=1`, { as: admin })
  await play('The second page', `GET ${list}?limit=1&cursor=${body.nextCursor}`, { as: admin })
  await play('A cursor that is none', `GET ${list}?cursor=x`, { as: admin })
  await play('Not for sellers', `GET ${list}`, { as: stage.seller })
  await play('Not for nobody', `GET ${list}`)
  const replay = (title: string, id: string, as = admin) =>
    play(title, `POST ${list}/${id}/replay`, { as })
  await replay('One is put back', 'evt_parked_1')
  await replay('There is none of this name', 'evt_none')
  await replay('Not by a seller', 'evt_parked_2', stage.seller)
  await play('Not by nobody', `POST ${list}/evt_parked_2/replay`)
}

async function parkedEvents(stage: Stage): Promise<void> {
  const { play, admin, seller } = stage
  const { pool } = stage.system
  await pool.transaction(async (tx) => {
    await appendOutbox(tx, 'order.paid', 'parked-1')
    await appendOutbox(tx, 'order.paid', 'parked-2')
  })
  await pool.query(sql.typeAlias('none')`
    update outbox set parked_at = now(), attempts = 8, last_error = 'Error: no' where key like 'parked-%'`)
  const list = '/api/ops/outbox'
  await play('Events of our own that were parked', `GET ${list}`, { as: admin })
  const { body } = await play('The first page', `GET ${list}?limit=1`, { as: admin })
  await play('The second page', `GET ${list}?limit=1&cursor=${body.nextCursor}`, { as: admin })
  await play('A cursor that is none', `GET ${list}?cursor=x`, { as: admin })
  await play('Not for sellers', `GET ${list}`, { as: seller })
  const [first] = body.items as readonly unknown[] as readonly { readonly id: number }[]
  const replay = (title: string, id: unknown, as = admin) =>
    play(title, `POST ${list}/${id}/replay`, { as })
  await replay('One is put back', first?.id)
  await replay('And once more', first?.id)
  await play('What the audit log says', `GET /api/audit?subject=event:${first?.id}`, { as: admin })
  await replay('There is none of this number', 999_999_999)
  await replay('A number that is none', 'x')
  await replay('Not by a seller', first?.id, seller)
}

async function failedRefunds(stage: Stage): Promise<void> {
  const { play, admin, seller } = stage
  const answer = { tag: 'refused', code: 'charge_disputed', message: 'no' } as const
  const createRefund = async () => ({ ...answer, param: null, intent: null })
  await runRefunds(stage.system.money({ wrap: (gateway) => ({ ...gateway, createRefund }) }))
  const list = '/api/ops/refunds'
  const { body } = await play('A refund that has failed for good', `GET ${list}`, { as: admin })
  const [failed] = body.items as readonly unknown[] as readonly { readonly id: string }[]
  await play('A cursor that is none', `GET ${list}?cursor=x`, { as: admin })
  await play('Not for sellers', `GET ${list}`, { as: seller })
  await openPayments(stage)
  const retry = (title: string, id: unknown, as = admin) =>
    play(title, `POST ${list}/${id}/retry`, { as })
  await retry('Not by a seller', failed?.id, seller)
  await retry('It is asked for again', failed?.id)
  await retry('There is nothing left to ask for', failed?.id)
  await retry('There is none of this id', newId())
  await retry('An id that is none', 'x')
  await play('None has failed any more', `GET ${list}`, { as: admin })
  await play('What the audit log says', `GET /api/audit?subject=refund:${failed?.id}`, {
    as: admin,
  })
}

/** An early fraud warning about an order. */
async function warnings(stage: Stage, order: string, buyer: Person): Promise<void> {
  const { play, admin, seller, system } = stage
  const object = {
    ...{ id: 'issfr_golden', object: 'radar.early_fraud_warning', actionable: true },
    ...{ fraud_type: 'misc', created: 4_000_000_000, payment_intent: await system.intentOf(order) },
  }
  const type = 'radar.early_fraud_warning.created'
  const event = { id: 'evt_golden_issfr', created: 4_000_000_000, type, data: { object } }
  await handleStripeEvent(system.money(), event as object as Stripe.Event)
  const list = '/api/ops/disputes'
  await play('A warning of fraud is listed', `GET ${list}`, { as: admin })
  await play('A cursor that is none', `GET ${list}?cursor=x`, { as: admin })
  await play('Not for sellers', `GET ${list}`, { as: seller })
  const move = (title: string, status: string) =>
    play(title, `PATCH /api/orders/${order}/status`, { as: seller, body: { status } })
  await move('Its order is processed', 'processing')
  await move('It is not shipped', 'shipped')
  await play('Its buyer is not told', `GET /api/orders/${order}`, { as: buyer })
  const clear = (title: string, id: string, as = admin) =>
    play(title, `POST ${list}/${id}/clear`, { as })
  await clear('Not by a seller', object.id, seller)
  await clear('It is let pass', object.id)
  await clear('And once more', object.id)
  await clear('There is none of this id', 'issfr_unknown')
  await move('Now it is shipped', 'shipped')
}

async function openPayments({ play, admin, seller }: Stage): Promise<void> {
  const list = '/api/ops/payments'
  await play('Payments that are not done', `GET ${list}`, { as: admin })
  await play('Those of one kind', `GET ${list}?kind=flagged`, { as: admin })
  await play('A cursor that is none', `GET ${list}?cursor=x`, { as: admin })
  await play('A kind that is none', `GET ${list}?kind=odd`, { as: admin })
  await play('Not for sellers', `GET ${list}`, { as: seller })
  await play('Not for nobody', `GET ${list}`)
}

async function audit({ play, admin, seller }: Stage): Promise<void> {
  const list = '/api/audit'
  const { body } = await play('The newest entry', `GET ${list}?limit=1`, { as: admin })
  await play('The one before', `GET ${list}?limit=1&cursor=${body.nextCursor}`, { as: admin })
  await play('About nothing', `GET ${list}?subject=sku:NONE`, { as: admin })
  await play('A cursor that is none', `GET ${list}?cursor=x`, { as: admin })
  await play('All that can be wrong', `GET ${list}?limit=0&subject=`, { as: admin })
  await play('Not for sellers', `GET ${list}`, { as: seller })
  await play('Not for nobody', `GET ${list}`)
}
