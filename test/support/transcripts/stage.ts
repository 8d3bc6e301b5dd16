/** The shop that the transcripts are recorded in, and the people who ask. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Role } from '../../../src/identity/permissions.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../eventually.ts'
import { startPeople } from '../people.ts'
import { type Person, Recorder } from './recorder.ts'

export type Stage = Awaited<ReturnType<typeof openStage>>

/** One API, one worker, one payment provider. */
export async function openStage(t: TestContext) {
  const people = await startPeople(t)
  const { system, addAccount } = people
  const recorder = new Recorder(system)
  /** A new account. Its password is that of all people of tests, its email begins with its id. */
  const person = async (name: string, role: Role): Promise<Person> => {
    const id = await addAccount(role)
    recorder.names.know(id, name)
    return { id, role }
  }
  const seller = await person('seller', 'seller')
  const admin = await person('admin', 'admin')
  const { play, until } = recorder
  /** Puts SKUs on sale whose gates are open and whose units are all there. Nothing of it is written down. */
  const onSale = async (units: Readonly<Record<string, number>>, terms: SkuTerms = {}) => {
    const { currency = 'EUR', as = seller, ...inSale } = terms
    const skus = Object.keys(units)
    await Promise.all(
      Object.entries(units).map(([sku, count]) =>
        system.addSku({ sku, units: count, seller: as.id, currency, price: 1_000, ...inSale }),
      ),
    )
    await Promise.all(skus.map((sku) => openGate(system, sku, units[sku] ?? 0)))
  }
  return {
    system,
    recorder,
    play,
    until,
    shipmentOf: people.shipmentOf,
    send: recorder.send.bind(recorder),
    person,
    /** Of what the transcripts sell. */
    seller,
    admin,
    onSale,
    /** A reserved checkout; nothing of it is written down. */
    async reserved(buyer: Person, items: readonly { sku: string; quantity: number }[]) {
      const { status, body } = await system.place(buyer.id, items, { wait: 20 })
      assert.equal(status, 201, JSON.stringify(body))
      return body.id
    },
    /** A paid order; nothing of it is written down. */
    async paid(buyer: Person, items: readonly { sku: string; quantity: number }[]) {
      const id = await this.reserved(buyer, items)
      const { status, body } = await system.confirm({ buyer: buyer.id, id, sku: '' })
      assert.equal(status, 200, JSON.stringify(body))
      return id
    },
  }
}

export interface SkuTerms {
  readonly as?: Person
  readonly currency?: string
  /** Minor units. */
  readonly price?: number
  readonly limit?: number
  readonly startsAt?: Date
  readonly endsAt?: Date
}

/** Somebody asks, and gives back what they got. */
async function openGate(
  { place, call, settledAt }: Awaited<ReturnType<typeof startPeople>>['system'],
  sku: string,
  units: number,
): Promise<void> {
  const buyer = newId()
  const { status, body } = await eventually(async () => {
    const answer = await place(buyer, [{ sku, quantity: 1 }], { wait: 10 })
    assert.notEqual(answer.status, 503)
    return answer
  })
  if (status !== 201) return
  await call('DELETE', `/api/checkouts/${body.id}`, { buyer })
  await settledAt(sku, units)
}
