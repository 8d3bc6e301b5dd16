-- Up Migration

-- Units of a hold that has ended, taken again for money that came late.
alter table stock_commands drop constraint stock_commands_kind_known;
alter table stock_commands add constraint stock_commands_kind_known
  check (kind in ('release', 'sell', 'return', 'restock', 'reclaim'));

-- The sweep also ends what is being paid when its deadline comes.
drop index checkouts_deadline;
create index checkouts_deadline on checkouts (expires_at) where status in ('reserved', 'paying', 'assembling');

-- One PaymentIntent for a checkout, for life. The provider's idempotency key for creating it is the
-- checkout's id. `verdict` is what the money did; `refunded` what went back.
create table payments (
  checkout_id uuid primary key,
  intent_id   text unique,                            -- null until the provider has answered
  amount      bigint not null,
  currency    text not null,
  status      text not null default 'open',
  captured    bigint not null default 0,
  refunded    bigint not null default 0,
  flagged     text,                                   -- why an operator has to look at it
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint payments_status_known check (status in ('open', 'succeeded', 'canceled')),
  constraint payments_refund_range check (refunded between 0 and captured)
);

-- An attempt is written before the provider is called; its key is checkout and number. At most one of a
-- checkout is without a verdict: a second confirm joins the first.
create table payment_attempts (
  checkout_id       uuid not null,
  attempt           integer not null,
  payment_method_id text not null,
  state             text not null default 'pending',
  decline_code      text,
  client_secret     text,
  created_at        timestamptz not null default now(),
  asked_at          timestamptz,                      -- when the reconciler last asked the provider
  settled_at        timestamptz,
  primary key (checkout_id, attempt),
  constraint payment_attempts_state_known check (state in ('pending', 'requires_action', 'succeeded',
    'declined', 'abandoned'))
);
create unique index payment_attempts_one_open on payment_attempts (checkout_id)
  where state in ('pending', 'requires_action');
create index payment_attempts_unsettled on payment_attempts (created_at)
  where state in ('pending', 'requires_action');

-- A refund is written with the decision to give money back; a job carries it out under its own key.
create table refunds (
  id          uuid primary key,                       -- also the provider's idempotency key
  checkout_id uuid not null,
  amount      bigint not null,
  reason      text not null,
  state       text not null default 'pending',
  refund_id   text,
  attempts    integer not null default 0,
  last_error  text,
  created_at  timestamptz not null default now(),
  tried_at    timestamptz,                            -- when the provider was last asked
  settled_at  timestamptz,
  constraint refunds_amount_positive check (amount > 0),
  constraint refunds_state_known check (state in ('pending', 'succeeded', 'failed'))
);
create index refunds_pending on refunds (created_at) where state = 'pending';
create index refunds_checkout on refunds (checkout_id);

-- What the saga did, step by step: written before a step and after it, so that a crash can be resumed.
create table saga_journal (
  checkout_id uuid not null,
  step        text not null,
  state       text not null,
  detail      jsonb not null default '{}',
  started_at  timestamptz not null default now(),
  ended_at    timestamptz,
  primary key (checkout_id, step),
  constraint saga_journal_state_known check (state in ('started', 'done', 'undone'))
);
create index saga_journal_open on saga_journal (started_at) where state = 'started';

-- Events of the provider: stored once by id, answered, then processed.
create table webhook_events (
  id           text primary key,
  type         text not null,
  payload      json not null,                         -- the body as it was signed
  state        text not null default 'stored',
  attempts     integer not null default 0,
  last_error   text,
  received_at  timestamptz not null default now(),
  due_at       timestamptz not null default now(),    -- when it is to be queued, if it is still open then
  processed_at timestamptz,
  constraint webhook_events_state_known check (state in ('stored', 'processed', 'ignored', 'parked'))
);
create index webhook_events_due on webhook_events (due_at) where state = 'stored';
create index webhook_events_parked on webhook_events (received_at) where state = 'parked';

-- Events written in the same transaction as the facts; a row is closed by its handler's effect, not by
-- having been queued.
create table outbox (
  id         bigint generated always as identity primary key,
  topic      text not null,
  key        text not null,                           -- one effect for each topic and key
  payload    jsonb not null default '{}',
  attempts   integer not null default 0,
  last_error text,
  created_at timestamptz not null default now(),
  due_at     timestamptz not null default now(),      -- when it is to be queued, if it is still open then
  done_at    timestamptz,
  parked_at  timestamptz,
  constraint outbox_once unique (topic, key)
);
create index outbox_due on outbox (due_at) where done_at is null and parked_at is null;
create index outbox_parked on outbox (parked_at) where parked_at is not null;

-- One mail for each fact, however often its job runs.
create table mails (
  fact       text primary key,                        -- such as order-confirmed:<order id>
  recipient  text not null,
  subject    text not null,
  created_at timestamptz not null default now(),
  claimed_at timestamptz not null default now(),      -- when somebody last began to send it
  sent_at    timestamptz
);

-- Who moved an order, when, and why. A null actor is the system.
create table order_history (
  id          bigint generated always as identity primary key,
  order_id    uuid not null,
  sku         text,                                   -- of the line that moved; null: the whole order
  from_status text,
  to_status   text not null,
  actor_id    uuid,
  reason      text not null default '',
  at          timestamptz not null default now()
);
create index order_history_order on order_history (order_id, id);

-- Down Migration

drop table order_history, mails, outbox, webhook_events, saga_journal, refunds, payment_attempts, payments;
drop index checkouts_deadline;
create index checkouts_deadline on checkouts (expires_at) where status in ('reserved', 'assembling');
alter table stock_commands drop constraint stock_commands_kind_known;
alter table stock_commands add constraint stock_commands_kind_known
  check (kind in ('release', 'sell', 'return', 'restock'));
