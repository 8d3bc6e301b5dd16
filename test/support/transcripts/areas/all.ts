/** Every area, in the order in which they are played. The last two stop what the others need. */
import type { Stage } from '../stage.ts'
import { cart } from './cart.ts'
import { catalogue } from './catalogue.ts'
import { checkouts } from './checkouts.ts'
import { fulfilment } from './fulfilment.ts'
import { identity } from './identity.ts'
import { images } from './images.ts'
import { limits } from './limits.ts'
import { misc } from './misc.ts'
import { ops } from './ops.ts'
import { orders } from './orders.ts'
import { payments } from './payments.ts'
import { stock } from './stock.ts'
import { webhooks } from './webhooks.ts'

export const areas: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  misc,
  identity,
  catalogue,
  images,
  stock,
  cart,
  checkouts,
  payments,
  orders,
  fulfilment,
  webhooks,
  ops,
  limits,
}
