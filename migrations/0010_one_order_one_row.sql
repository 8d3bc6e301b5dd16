-- Up Migration

-- A stop: code from before this migration and code from after it cannot share these tables. Stop every API and
-- every worker, migrate, start the new ones. All rows are carried over, also those of checkouts that are under way.
--
-- An order is one row from the press of Buy to its delivery. `state` is where its life stands and moves on.
-- `outcome` is how the checkout ended: null while it lives, written once; only late money that is honoured corrects
-- it, to `confirmed`. The two words that the API shows, the checkout's and the order's, are made of these two.

lock table checkouts, checkout_parts, holds, orders, order_lines, saga_journal in access exclusive mode;

alter table orders rename to orders_before;
alter table order_lines rename to order_lines_before;
alter index orders_pkey rename to orders_before_pkey;
alter index orders_buyer rename to orders_before_buyer;
alter index order_lines_pkey rename to order_lines_before_pkey;

-- Numbers are given when an order is reserved. What never was reserved has none, and is in no list.
create sequence order_numbers;

-- `idempotency_key` is null for an order that ended without effect (its key may be tried again) and for a tombstone:
-- a cancel that overtook its own reserve. `duplicate_of` points a loser of a race over one key to the winner.
-- No foreign keys on the tables of the hot path: each costs a look-up and a row lock per row, and the single writer
-- makes order and lines in one transaction.
create table orders (
  id              uuid primary key,
  buyer_id        uuid not null,
  number          bigint,
  total           bigint not null default 0,
  expires_at      timestamptz,                        -- of the hold, or of the assembly
  created_at      timestamptz not null default now(),
  duplicate_of    uuid,
  idempotency_key text,
  fingerprint     text not null default '',           -- of the body; other body under the same key is an error
  state           text not null,
  outcome         text,
  currency        text,
  reason          text,
  constraint orders_buyer_key unique (buyer_id, idempotency_key),
  constraint orders_state_known check (state in ('assembling', 'waiting', 'reserved', 'paying', 'paid',
    'processing', 'shipped', 'delivered', 'expired', 'cancelled', 'payment_failed', 'refunded', 'rejected',
    'sold_out')),
  constraint orders_outcome_known check (outcome in ('confirmed', 'expired', 'cancelled', 'payment_failed',
    'rejected', 'sold_out')),
  constraint orders_outcome_of_the_ended check
    ((outcome is null) = (state in ('reserved', 'paying', 'assembling', 'waiting')))
) with (fillfactor = 85);

-- One line for each SKU. `stock` is the word of the SKU's owner about its units, `progress` that of its seller: null
-- until the seller moves the line, which follows its order until then. `void` is the tombstone of a release that
-- came before its reserve; `asked` a part of an order over several SKUs before its units are held.
create table order_lines (
  order_id   uuid not null,
  seller_id  uuid,
  quantity   integer not null,
  unit_price integer not null default 0,              -- at the time of sale; 0 while it is only asked for
  sku        text not null,
  title      text not null default '',
  stock      text not null,
  progress   text,
  pool       text,                                    -- whose limit these units count against; null: no limit
  primary key (order_id, sku),
  constraint order_lines_quantity_range check (quantity >= 0),
  constraint order_lines_stock_known check (stock in ('asked', 'held', 'sold', 'released', 'returned', 'void')),
  constraint order_lines_progress_known check (progress in ('processing', 'shipped', 'delivered'))
) with (fillfactor = 85);

-- As `expect_rows`, for rows that must not have been there before: fewer mean that somebody was faster.
create function expect_new_rows(actual bigint, expected bigint) returns boolean language plpgsql as $$
begin
  if actual <> expected then
    raise exception '% of % rows are new', actual, expected using errcode = 'unique_violation';
  end if;
  return true;
end $$;

-- Since when the units of an expired order are being taken again for money that came late; null: they are not.
alter table payments add column reclaiming_since timestamptz;

insert into orders (id, number, buyer_id, idempotency_key, fingerprint, state, outcome, reason, duplicate_of, total,
    currency, expires_at, created_at)
select coalesce(c.id, o.id), o.number, coalesce(c.buyer_id, o.buyer_id), c.idempotency_key,
    coalesce(c.fingerprint, ''),
    case when c.status in ('assembling', 'reserved', 'paying') then c.status
      when c.status = 'payment_failed' and o.status = 'cancelled' then c.status
      when o.status = 'awaiting_payment' then case when c.status = 'confirmed' then 'paid' else
        coalesce(nullif(c.status, 'lost'), 'cancelled') end
      when o.id is not null then o.status
      when c.status = 'confirmed' then 'paid'
      else replace(c.status, 'lost', 'rejected') end,
    case when c.status in ('assembling', 'reserved', 'paying') then null
      when c.id is not null then replace(c.status, 'lost', 'rejected')
      when o.status in ('paid', 'processing', 'shipped', 'delivered', 'refunded') then 'confirmed'
      when o.status = 'expired' then 'expired'
      else 'cancelled' end,
    c.reason, c.duplicate_of, coalesce(o.total, c.total), coalesce(o.currency, c.currency), c.expires_at,
    coalesce(o.created_at, c.created_at)
  from checkouts c full join orders_before o on o.id = c.id;

insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, pool, stock, progress)
select order_id, sku, coalesce(l.title, h.title, ''), coalesce(l.seller_id, h.seller_id),
    coalesce(l.quantity, nullif(h.units, 0), p.units, 0), coalesce(l.unit_price, h.unit_price, 0), h.pool,
    case when h.order_id is not null then h.state when l.order_id is not null then 'released' else 'asked' end,
    case when l.status in ('processing', 'shipped', 'delivered') then l.status end
  from (select checkout_id as order_id, sku, units, unit_price, pool, title, seller_id, state from holds) h
  full join order_lines_before l using (order_id, sku)
  full join (select checkout_id as order_id, sku, units from checkout_parts) p using (order_id, sku);

update payments p set reclaiming_since = j.started_at
  from saga_journal j where j.checkout_id = p.checkout_id and j.step = 'reclaim' and j.state = 'started';

select setval('order_numbers', (select coalesce(max(number), 100000) from orders));

-- Not by `state`: what an index or its condition names cannot change in place. An order leaves this index once.
-- The list of a buyer's orders sorts the buyer's own, which orders_buyer_key finds: an index that has the order would
-- be paid for by every checkout.
create index orders_deadline on orders (expires_at) where outcome is null;
create index payments_reclaiming on payments (reclaiming_since) where reclaiming_since is not null;

drop table checkouts, checkout_parts, holds, orders_before, order_lines_before, saga_journal;

-- Down Migration

-- A stop as well.

lock table orders, order_lines in access exclusive mode;

alter table orders rename to orders_after;
alter table order_lines rename to order_lines_after;
alter index orders_pkey rename to orders_after_pkey;
alter index order_lines_pkey rename to order_lines_after_pkey;

create table checkouts (
  id              uuid primary key,
  buyer_id        uuid not null,
  idempotency_key text,
  fingerprint     text not null default '',
  status          text not null,
  total           bigint not null default 0,
  currency        text,
  expires_at      timestamptz,
  reason          text,
  duplicate_of    uuid,
  created_at      timestamptz not null default clock_timestamp(),
  constraint checkouts_buyer_key unique (buyer_id, idempotency_key),
  constraint checkouts_status_known check (status in ('assembling', 'reserved', 'paying', 'confirmed',
    'expired', 'cancelled', 'payment_failed', 'rejected', 'sold_out', 'lost'))
);
create table checkout_parts (
  checkout_id uuid not null,
  sku         text not null,
  units       integer not null,
  primary key (checkout_id, sku)
);
create table holds (
  checkout_id uuid not null,
  sku         text not null,
  units       integer not null,
  unit_price  integer not null,
  pool        text,
  buyer_id    uuid not null,
  title       text not null default '',
  seller_id   uuid,
  state       text not null,
  primary key (checkout_id, sku),
  constraint holds_units_range check (units >= 0),
  constraint holds_state_known check (state in ('held', 'sold', 'released', 'returned', 'void'))
);
create table orders (
  id         uuid primary key,
  number     bigint not null generated always as identity (start with 100001),
  buyer_id   uuid not null,
  status     text not null,
  total      bigint not null,
  currency   text not null,
  created_at timestamptz not null default now(),
  constraint orders_status_known check (status in ('awaiting_payment', 'paid', 'processing', 'shipped',
    'delivered', 'expired', 'cancelled', 'refunded'))
);
create table order_lines (
  order_id   uuid not null,
  sku        text not null,
  title      text not null,
  seller_id  uuid,
  quantity   integer not null,
  unit_price integer not null,
  status     text not null,
  primary key (order_id, sku)
);
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

-- An order that waits in a line is nothing that the code before knows: its place is given up.
insert into checkouts (id, buyer_id, idempotency_key, fingerprint, status, total, currency, expires_at, reason,
    duplicate_of, created_at)
select id, buyer_id, idempotency_key, fingerprint,
    coalesce(outcome, case when state = 'waiting' then 'cancelled' else state end), total, currency, expires_at, reason,
    duplicate_of, created_at
  from orders_after;

insert into checkout_parts (checkout_id, sku, units)
select l.order_id, l.sku, l.quantity from order_lines_after l join orders_after o on o.id = l.order_id
 where o.number is null and l.quantity > 0;

insert into holds (checkout_id, sku, units, unit_price, pool, buyer_id, title, seller_id, state)
select l.order_id, l.sku, case when l.stock = 'void' then 0 else l.quantity end, l.unit_price, l.pool,
    coalesce(o.buyer_id, l.order_id), l.title, l.seller_id, l.stock
  from order_lines_after l left join orders_after o on o.id = l.order_id
 where l.stock <> 'asked';

insert into orders (id, number, buyer_id, status, total, currency, created_at) overriding system value
select id, number, buyer_id,
    case when state in ('reserved', 'paying') then 'awaiting_payment' when state = 'payment_failed' then 'cancelled'
      else state end, total, currency, created_at
  from orders_after where number is not null;

insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, status)
select l.order_id, l.sku, l.title, l.seller_id, l.quantity, l.unit_price,
    case when o.state in ('reserved', 'paying') then 'awaiting_payment'
      when o.state = 'expired' or o.state = 'refunded' and o.outcome = 'expired' then 'expired'
      when o.state in ('cancelled', 'payment_failed', 'refunded') then 'cancelled'
      else coalesce(l.progress, 'paid') end
  from order_lines_after l join orders_after o on o.id = l.order_id where o.number is not null;

insert into saga_journal (checkout_id, step, state, detail, started_at)
select checkout_id, 'charge', 'started', jsonb_build_object('attempt', attempt), created_at
  from payment_attempts where state in ('pending', 'requires_action');
insert into saga_journal (checkout_id, step, state, started_at)
select checkout_id, 'reclaim', 'started', reclaiming_since from payments where reclaiming_since is not null;

select setval(pg_get_serial_sequence('orders', 'number'), (select last_value from order_numbers));

create index checkouts_deadline on checkouts (expires_at) where status in ('reserved', 'paying', 'assembling');
create index orders_buyer on orders (buyer_id, id);
create index saga_journal_open on saga_journal (started_at) where state = 'started';

drop index payments_reclaiming;
alter table payments drop column reclaiming_since;
drop table orders_after, order_lines_after;
drop sequence order_numbers;
drop function expect_new_rows;
