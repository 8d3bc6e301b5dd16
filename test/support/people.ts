/** Everybody who may call a route, and things of theirs to call it about. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { Passwords } from '../../src/identity/passwords.ts'
import type { Role } from '../../src/identity/permissions.ts'
import { newId } from '../../src/kernel/ids.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { eventually } from './eventually.ts'
import { type PayingSystem, startPayingSystem } from './paying.ts'
import { createTestFolder } from './stores.ts'
import type { Answer } from './system.ts'

export const everybody = [
  'nobody',
  'buyer',
  'otherBuyer',
  'seller',
  'otherSeller',
  'admin',
] as const

export type Who = (typeof everybody)[number]
export type Account = Exclude<Who, 'nobody'>

const roleOf: Readonly<Record<Account, Role>> = {
  buyer: 'buyer',
  otherBuyer: 'buyer',
  seller: 'seller',
  otherSeller: 'seller',
  admin: 'admin',
}

/** Of every account here. */
export const peoplePassword = 'a-good-password'

export interface Call {
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type People = Awaited<ReturnType<typeof startPeople>>

/** A paying shop with one account of each kind. What `buyer` buys is sold by `seller`. */
export async function startPeople(t: TestContext) {
  const system = await startPayingSystem(t, {
    settings: { DATA_DIR: createTestFolder(t), BENCH_ROUTES: '1' },
  })
  const hash = await new Passwords().hash(peoplePassword)
  const addAccount = async (role: Role): Promise<string> => {
    const id = newId()
    await system.pool.query(sql.typeAlias('none')`
      insert into accounts (id, email, name, role, password_hash)
      values (${id}, ${emailOf(id)}, 'Somebody', ${role}, ${hash})`)
    return id
  }
  const ids: Record<Account, string> = {
    buyer: await addAccount('buyer'),
    otherBuyer: await addAccount('buyer'),
    seller: await addAccount('seller'),
    otherSeller: await addAccount('seller'),
    admin: await addAccount('admin'),
  }
  /** Calls as one of them, or as a new account of the same role. */
  const callAs = async (who: Who, method: string, call: Call, fresh = false): Promise<Answer> => {
    const { path, ...rest } = call
    if (who === 'nobody') return system.call(method, path, rest)
    const buyer = fresh ? await addAccount(roleOf[who]) : ids[who]
    return system.call(method, path, { ...rest, buyer, role: roleOf[who] })
  }
  const expectAs = async (who: Who, method: string, call: Call): Promise<Answer> => {
    const answer = await callAs(who, method, call)
    assert.ok(answer.status < 300, `${method} ${call.path}: ${JSON.stringify(answer.body)}`)
    return answer
  }
  return { system, ids, addAccount, callAs, ...things(system, ids, expectAs) }
}

export function emailOf(id: string): string {
  return `${id}@example.com`
}

const ShipmentRow = z.object({ id: z.string() })

function things(
  system: PayingSystem,
  ids: Readonly<Record<Account, string>>,
  expectAs: (who: Who, method: string, call: Call) => Promise<Answer>,
) {
  /** A new product of the seller with one variant. */
  const product = async (): Promise<{ id: string; sku: string }> => {
    const sku = `SKU-${newId().slice(-12)}`
    const variant = { sku, price: 1_000, currency: 'EUR', stock: 50, options: { color: 'red' } }
    const body = { title: 'A thing', category: 'things', variants: [variant] }
    const { body: created } = await expectAs('seller', 'POST', { path: '/api/products', body })
    return { id: created.id, sku }
  }
  /** A new checkout of the buyer, with its units held. */
  const checkout = async (): Promise<{ id: string; sku: string }> => {
    const { sku } = await product()
    const { id } = await system.reserveOf(sku, { buyer: ids.buyer })
    return { id, sku }
  }
  return {
    product,
    checkout,
    /** A new order of the buyer, paid. */
    async paid(): Promise<string> {
      const { id, sku } = await checkout()
      const answer = await system.confirm({ buyer: ids.buyer, id, sku })
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
      return id
    },
    shipmentOf: (orderId: string): Promise<string> =>
      eventually(() =>
        system.pool.oneFirst(sql.type(ShipmentRow)`
          select id from shipments where order_id = ${orderId}`),
      ),
    async image(): Promise<{ product: string; id: string }> {
      const { id } = await product()
      const path = `/api/products/${id}/images`
      const body = { contentType: 'image/png', bytes: 100 }
      const announced = await expectAs('seller', 'POST', { path, body })
      return { product: id, id: (announced.body.image as { id: string }).id }
    },
    async location(): Promise<string> {
      const body = { name: `Store ${newId()}` }
      return (await expectAs('seller', 'POST', { path: '/api/locations', body })).body.id
    },
    async refreshToken(id: string): Promise<string> {
      const body = { email: emailOf(id), password: peoplePassword }
      const answer = await expectAs('nobody', 'POST', { path: '/api/auth/login', body })
      return String(answer.body.refreshToken)
    },
  }
}
