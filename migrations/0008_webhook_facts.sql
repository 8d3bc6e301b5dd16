-- Up Migration

-- What a `payment_intent.succeeded` of the shop's own account tells, read once when it is stored: most of
-- these events only repeat what is settled, and are closed by comparing, without reading their payload.
alter table webhook_events
  add column told_intent_id text,
  add column told_received  bigint,
  add column told_currency  text;

-- Down Migration

alter table webhook_events
  drop column told_intent_id,
  drop column told_received,
  drop column told_currency;
