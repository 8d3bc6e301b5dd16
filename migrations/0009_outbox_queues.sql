-- Up Migration

-- Queues of their own for what is slow: mails, and what asks the payment provider. Each has an index, so that
-- whoever looks for the next facts does not read past the others that wait.
drop index outbox_due;
create index outbox_due_facts on outbox (due_at)
  where topic not in ('mail', 'payment.cancel') and done_at is null and parked_at is null;
create index outbox_due_mails on outbox (due_at)
  where topic = 'mail' and done_at is null and parked_at is null;
create index outbox_due_cancels on outbox (due_at)
  where topic = 'payment.cancel' and done_at is null and parked_at is null;

-- Events that tell all there is to know, and those after which the provider is asked.
drop index webhook_events_due;
create index webhook_events_due_facts on webhook_events (due_at)
  where state = 'stored' and (type = 'payment_intent.succeeded' or type like 'refund.%');
create index webhook_events_due_hints on webhook_events (due_at)
  where state = 'stored' and not (type = 'payment_intent.succeeded' or type like 'refund.%');

-- For forgetting what is old.
create index webhook_events_ended on webhook_events (received_at) where state in ('processed', 'ignored');

-- Down Migration

drop index webhook_events_ended, webhook_events_due_facts, webhook_events_due_hints;
create index webhook_events_due on webhook_events (due_at) where state = 'stored';
drop index outbox_due_facts, outbox_due_mails, outbox_due_cancels;
create index outbox_due on outbox (due_at) where done_at is null and parked_at is null;
