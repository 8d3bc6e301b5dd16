-- Up Migration

-- Code from before this migration can run on it: it leaves what is new alone.
--
-- A concern is what somebody else has about a payment of ours: a dispute of the bank, an early fraud warning of
-- the card's issuer, or a review that the provider wants of us. One row for each, by the provider's id. What the
-- provider said last is kept whole; `took_money`, `stops_shipping` and `open` are what the shop makes of it.
create table payment_concerns (
  id             text primary key,
  kind           text not null,
  checkout_id    uuid not null,
  amount         bigint,                              -- in minor units; null: all that was captured
  currency       text,
  reason         text not null,
  status         text not null,                       -- in the provider's words
  open           boolean not null,
  took_money     boolean not null,                    -- the bank has the money: nothing is left to refund
  stops_shipping boolean not null,
  stage          smallint not null,                   -- how far its life has come,
  movements      smallint not null,                   -- how often its money has moved,
  told_at        timestamptz not null,                -- and when the provider said all this
  opened_at      timestamptz not null,
  due_at         timestamptz,                         -- until when evidence is taken
  reminded_at    timestamptz,
  cleared_at     timestamptz,                         -- an administrator has looked at the warning
  constraint payment_concerns_kind_known check (kind in ('dispute', 'warning', 'review')),
  constraint payment_concerns_amount_whole check ((amount is null) = (currency is null))
);
create index payment_concerns_checkout on payment_concerns (checkout_id);
create index payment_concerns_listed on payment_concerns (open, opened_at, id);
create index payment_concerns_due on payment_concerns (due_at)
  where kind = 'dispute' and open and reminded_at is null;

-- The language of an account's mails, and when a seller hears of sales: with each of them, or once a day.
alter table accounts
  add column locale text,
  add column sale_mails text not null default 'daily',
  add constraint accounts_locale_known check (locale in ('en', 'de')),
  add constraint accounts_sale_mails_known check (sale_mails in ('each', 'daily'));

-- When a seller's part of an order was paid. Null for older orders: nobody is told of those again. Rows are
-- written in the order of this time, so blocks of it are told apart by a range each, which costs next to nothing.
alter table order_sellers add column at timestamptz;
alter table order_sellers alter column at set default now();
create index order_sellers_at on order_sellers using brin (at);

-- Down Migration

drop index order_sellers_at;
alter table order_sellers drop column at;
alter table accounts drop column sale_mails, drop column locale;
drop table payment_concerns;
