/** After which statements a relay has something to do: they make rows due that relays watch. */
export const writesRelayedRows =
  /insert into (outbox|webhook_events)\b|update product_images set status = 'processing'/
