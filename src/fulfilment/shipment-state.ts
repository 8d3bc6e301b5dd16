import { defineTransitions } from '../kernel/transitions.ts'

export const shipmentMoves = defineTransitions('A shipment', {
  planned: ['shipped', 'cancelled'],
  shipped: ['delivered'],
  delivered: [],
  cancelled: [],
})

export type ShipmentStatus = (typeof shipmentMoves.states)[number]

export const shipmentSteps = ['shipped', 'delivered'] as const
export type ShipmentStep = (typeof shipmentSteps)[number]
