-- Up Migration

-- Identity -----------------------------------------------------------------------------------------

create table accounts (
  id            uuid primary key,
  email         text not null,                       -- stored in lower case
  name          text not null,
  role          text not null,
  password_hash text not null,                       -- argon2id, PHC string
  created_at    timestamptz not null default now(),
  constraint accounts_email_key unique (email),
  constraint accounts_email_lower check (email = lower(email)),
  constraint accounts_role_known check (role in ('buyer', 'seller', 'admin'))
);

-- A family is one login; a refresh token is used once. Using one twice revokes its family.
create table refresh_tokens (
  token_hash bytea primary key,                      -- sha-256 of the token
  family     uuid not null,
  account_id uuid not null references accounts on delete cascade,
  expires_at timestamptz not null,
  used_at    timestamptz,
  revoked_at timestamptz
);
create index refresh_tokens_family on refresh_tokens (family);
create index refresh_tokens_account on refresh_tokens (account_id);

-- Catalogue ----------------------------------------------------------------------------------------

create table products (
  id          uuid primary key,
  seller_id   uuid not null references accounts,
  slug        text not null,
  title       text not null,
  description text not null default '',
  category    text not null,
  version     integer not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  archived_at timestamptz,
  constraint products_slug_key unique (slug)
);
create index products_seller on products (seller_id);

create table variants (
  sku         text primary key,
  product_id  uuid not null references products,
  options     jsonb not null default '{}',
  price       integer not null,                      -- minor units
  currency    text not null,
  archived_at timestamptz,
  constraint variants_price_range check (price between 0 and 100000000),
  constraint variants_currency_iso check (currency ~ '^[A-Z]{3}$')
);
create index variants_product on variants (product_id);

-- A sale gives its SKU a window, a price and a limit per customer. While one is scheduled, open or
-- paused, the SKU sells only through it.
create table sales (
  id                 uuid primary key,
  sku                text not null references variants,
  state              text not null default 'scheduled',
  starts_at          timestamptz not null,
  ends_at            timestamptz not null,
  units              integer not null,
  price              integer not null,
  per_customer_limit integer,
  created_at         timestamptz not null default now(),
  constraint sales_window check (starts_at < ends_at),
  constraint sales_units_positive check (units > 0),
  constraint sales_limit_positive check (per_customer_limit > 0),
  constraint sales_price_range check (price between 0 and 100000000),
  constraint sales_state_known check (state in ('scheduled', 'open', 'paused', 'sold_out', 'ended'))
);
create unique index sales_one_live_per_sku on sales (sku) where state <> 'ended';

-- Ownership ----------------------------------------------------------------------------------------

-- One row per partition. `generation` counts how often its Redis state was built anew; `run_id` is the
-- Redis server it was built on. The owner holds the advisory lock of the partition on the back end
-- `owner_pid`; `seen_at` is only for telling a silent owner from a live one.
create table partitions (
  partition  smallint primary key,
  generation bigint not null default 0,
  run_id     text,
  worker_id  uuid,
  owner_pid  integer,
  seen_at    timestamptz
);
insert into partitions (partition) select generate_series(0, 63);

create table workers (
  id      uuid primary key,
  seen_at timestamptz not null default now()
);

-- Stock --------------------------------------------------------------------------------------------

-- The row of truth of a SKU. `granted` counts the units the gate had granted up to the mailbox entry
-- <generation>-<cursor>, the last one that is applied here. `generation` 0: the gate was never built.
create table ledger (
  sku        text primary key,
  partition  smallint not null,
  on_hand    integer not null,
  free       integer not null,
  set_aside  integer not null default 0,
  held       integer not null default 0,
  sold       integer not null default 0,
  granted    bigint not null default 0,
  generation bigint not null default 0,
  cursor     bigint not null default 0,
  shadow     jsonb,                                  -- buyer counts that the gate still has to take back at this cursor
  constraint ledger_units_balance check (on_hand = free + set_aside + held + sold),
  constraint ledger_units_not_negative check (free >= 0 and set_aside >= 0 and held >= 0 and sold >= 0),
  constraint ledger_partition_range check (partition between 0 and 63)
) with (fillfactor = 50);
create index ledger_partition on ledger (partition, generation);

-- The fence: a batch that does not move exactly the rows it read is rolled back as a whole.
create function expect_rows(actual bigint, expected bigint) returns boolean language plpgsql as $$
begin
  if actual <> expected then
    raise exception 'fenced: % of % rows moved', actual, expected using errcode = 'SL001';
  end if;
  return true;
end $$;

-- A checkout is one buyer's wish to buy, from admission to its end. `idempotency_key` is null for one
-- that ended without effect (its key may be tried again) and for a tombstone: a cancel that overtook
-- its own reserve. `duplicate_of` points a loser of a race over one key to the winner.
create table checkouts (
  id              uuid primary key,
  buyer_id        uuid not null,
  idempotency_key text,
  fingerprint     text not null default '',           -- of the body; other body under the same key is an error
  status          text not null,
  total           bigint not null default 0,
  currency        text,
  expires_at      timestamptz,                        -- of the hold, or of the assembly
  reason          text,
  duplicate_of    uuid,
  created_at      timestamptz not null default clock_timestamp(),
  constraint checkouts_buyer_key unique (buyer_id, idempotency_key),
  constraint checkouts_status_known check (status in ('assembling', 'reserved', 'paying', 'confirmed',
    'expired', 'cancelled', 'payment_failed', 'rejected', 'sold_out', 'lost'))
);
create index checkouts_deadline on checkouts (expires_at) where status in ('reserved', 'assembling');

-- The parts of a checkout over several SKUs, known before any gate is asked.
create table checkout_parts (
  checkout_id uuid not null,
  sku         text not null,
  units       integer not null,
  primary key (checkout_id, sku)
);

-- Units set aside for one checkout. `void` is the tombstone of a release that came before its reserve.
-- No foreign keys on the tables of the hot path: each costs a look-up and a row lock per row, and the
-- single writer makes parent and child in one transaction.
create table holds (
  checkout_id uuid not null,
  sku         text not null,
  units       integer not null,
  unit_price  integer not null,
  pool        text,                                   -- whose limit these units count against; null: no limit
  buyer_id    uuid not null,
  title       text not null default '',
  seller_id   uuid,
  state       text not null,
  primary key (checkout_id, sku),
  constraint holds_units_range check (units >= 0),
  constraint holds_state_known check (state in ('held', 'sold', 'released', 'returned', 'void'))
);

-- What a buyer holds or owns against a limit. The gate's count is its shadow.
create table buyer_units (
  pool       text not null,
  buyer_id   uuid not null,
  units      integer not null,
  unit_limit integer not null,
  primary key (pool, buyer_id),
  constraint buyer_units_within_limit check (units between 0 and unit_limit)
);

-- Commands born in PostgreSQL: written with their fact, posted to the mailbox at least once, closed only
-- by the actor's commit.
create table stock_commands (
  id          uuid primary key,
  partition   smallint not null,
  sku         text not null,
  kind        text not null,
  checkout_id uuid,
  units       integer,
  reason      text not null,
  created_at  timestamptz not null default now(),
  done_at     timestamptz,
  outcome     text,
  constraint stock_commands_kind_known check (kind in ('release', 'sell', 'return', 'restock'))
);
create index stock_commands_open on stock_commands (partition, created_at) where done_at is null;
create unique index stock_commands_once on stock_commands (checkout_id, sku, kind) where checkout_id is not null;

-- Orders -------------------------------------------------------------------------------------------

-- An order has the id of its checkout: there is exactly one for each reserved checkout.
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
create index orders_buyer on orders (buyer_id, id);

create table order_lines (
  order_id   uuid not null,
  sku        text not null,
  title      text not null,
  seller_id  uuid,
  quantity   integer not null,
  unit_price integer not null,                        -- at the time of sale
  status     text not null,
  primary key (order_id, sku)
);

-- Down Migration

drop function expect_rows;
drop table order_lines, orders, stock_commands, buyer_units, holds, checkout_parts, checkouts,
  ledger, workers, partitions, sales, variants, products, refresh_tokens, accounts;
