-- Up Migration

-- A queue of the outbox each: whoever looks for the next facts does not read past all mails that wait.
drop index outbox_due;
create index outbox_due_facts on outbox (due_at) where topic <> 'mail' and done_at is null and parked_at is null;
create index outbox_due_mails on outbox (due_at) where topic = 'mail' and done_at is null and parked_at is null;

-- Down Migration

drop index outbox_due_facts, outbox_due_mails;
create index outbox_due on outbox (due_at) where done_at is null and parked_at is null;
