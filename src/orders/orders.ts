/** Orders as the people see them who have a part in them: the buyer, the sellers of its lines, admins. */
import type { DatabasePool } from 'slonik'
import { AppError } from '../kernel/errors.ts'
import { findOrder, listOrders, type OrderRow, type Viewer } from './order-repository.ts'

export type OrderView = ReturnType<typeof viewOf>

export interface Orders {
  /** A page, the newest first. Sellers see an order here from its payment on. */
  list(
    viewer: Viewer,
    page: { readonly limit: number; readonly before: string | null },
  ): Promise<{ readonly items: OrderView[]; readonly more: boolean }>
  /** Throws `not_found`, also for an order of somebody else's. */
  get(viewer: Viewer, orderId: string): Promise<OrderView>
}

export function createOrders({ pool }: { readonly pool: DatabasePool }): Orders {
  return {
    async list(viewer, { limit, before }) {
      const rows = await listOrders(pool, viewer, { limit: limit + 1, before })
      const items = rows.slice(0, limit).map((row) => viewOf(row, viewer))
      return { items, more: rows.length > limit }
    },
    async get(viewer, orderId) {
      const row = await findOrder(pool, viewer, orderId)
      if (!row) throw noOrder()
      return viewOf(row, viewer)
    },
  }
}

export function noOrder(): AppError {
  return new AppError('not_found', 'There is no such order.')
}

function viewOf(row: OrderRow, viewer: Viewer) {
  const seller = viewer.role === 'seller'
  const total = row.items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0)
  return {
    id: row.id,
    number: row.number,
    status: row.status,
    items: row.items,
    total: seller ? total : row.total,
    currency: row.currency,
    payment: row.payment && paymentView(row.payment, seller),
    dispute: row.dispute && {
      ...row.dispute,
      dueAt: viewer.role === 'buyer' ? null : isoTime(row.dispute.dueAt),
    },
    shipments: row.shipments.map((shipment) => ({
      ...shipment,
      shippedAt: isoTime(shipment.shippedAt),
      deliveredAt: isoTime(shipment.deliveredAt),
    })),
    history: historyOf(row, viewer),
    createdAt: row.createdAt.toISOString(),
  }
}

/** What others have sold in the same order is no business of a seller's, so it gets no sums. */
function paymentView(payment: NonNullable<OrderRow['payment']>, seller: boolean) {
  const { captured, refunded, card, refunds } = payment
  return {
    status: paymentStatus(payment),
    captured: seller ? null : captured,
    refunded: seller ? null : refunded,
    card: seller ? null : card,
    refunds: refunds.map((refund) => ({ ...refund, createdAt: isoTime(refund.createdAt) ?? '' })),
  }
}

type PaymentStatus =
  | 'pending'
  | 'cancelled'
  | 'refund_pending'
  | 'paid'
  | 'refunded'
  | 'partly_refunded'
  | 'disputed'

function paymentStatus(payment: NonNullable<OrderRow['payment']>): PaymentStatus {
  const { status, captured, refunded, refunding, bankHasMoney } = payment
  if (status === 'open') return 'pending'
  if (status === 'canceled') return 'cancelled'
  // Nobody asks for a refund that the provider would refuse: the bank decides whose the money is.
  if (bankHasMoney && refunded < captured) return 'disputed'
  if (refunding) return 'refund_pending'
  if (refunded === 0) return 'paid'
  return refunded === captured ? 'refunded' : 'partly_refunded'
}

/** Begins with the placing, which has no row of its own: it would be one more write for every checkout. */
function historyOf(row: OrderRow, viewer: Viewer) {
  const placed: OrderRow['history'][number] = {
    from: null,
    to: 'awaiting_payment',
    sku: null,
    actorId: row.buyerId,
    reason: 'placed',
    at: row.createdAt.toISOString(),
  }
  return [placed, ...row.history].map(({ from, to, sku, actorId, reason, at }) => ({
    from,
    status: to,
    sku,
    by: partOf(row, actorId),
    // A seller learns no account's id but their own.
    actorId: viewer.role === 'seller' && actorId !== viewer.id ? null : actorId,
    reason,
    at: new Date(at).toISOString(),
  }))
}

function partOf(
  { buyerId, sellers }: OrderRow,
  actorId: string | null,
): 'system' | 'buyer' | 'seller' | 'admin' {
  if (actorId === null) return 'system'
  if (actorId === buyerId) return 'buyer'
  return sellers.includes(actorId) ? 'seller' : 'admin'
}

function isoTime(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString()
}
