/**
 * What a command is closed with that names no checkout: only a person's hand can have written it.
 */
export const namesNoCheckout = 'names no checkout'
/** What a command is closed with whose checkout has no hold on this SKU. */
export const noHold = 'no hold'
