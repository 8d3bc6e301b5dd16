/** Customers, as little of them as a PaymentIntent can name. */
import type { Form } from './form.ts'
import { customerParams } from './parameters.ts'
import type { CustomerRecord } from './records.ts'
import type { Work } from './store.ts'
import { newStripeId } from './stripe-ids.ts'

const texts = ['email', 'name', 'phone', 'description'] as const

export function createCustomer(work: Work, form: Form): CustomerRecord {
  form.onlyKnows(customerParams)
  const empty = { email: null, name: null, phone: null, description: null, metadata: {} }
  const record = changed({ id: newStripeId('cus'), created: work.now, ...empty }, form)
  work.put({ kind: 'cus', record })
  work.emit('customer.created', { kind: 'cus', record })
  return record
}

export function updateCustomer(work: Work, before: CustomerRecord, form: Form): CustomerRecord {
  form.onlyKnows(customerParams)
  const record = changed(before, form)
  work.put({ kind: 'cus', record })
  work.emit('customer.updated', { kind: 'cus', record }, { kind: 'cus', record: before })
  return record
}

/** What the form names; an empty text takes the old one away. */
function changed(before: CustomerRecord, form: Form): CustomerRecord {
  const given = texts.filter((name) => form.has(name))
  return {
    ...before,
    ...Object.fromEntries(given.map((name) => [name, form.text(name) ?? null])),
    metadata: form.metadataOver(before.metadata),
  }
}
