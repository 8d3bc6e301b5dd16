-- Up Migration

-- Ids in the order of time (RFC 9562, version 7), for rows that the database writes by itself.
create function new_id() returns uuid language sql volatile parallel safe
  return encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid;

-- Audit --------------------------------------------------------------------------------------------

-- Every change by a seller or an admin, and every move of money, written in the same transaction as the
-- change. A null actor is the system.
create table audit_log (
  number     bigint primary key generated always as identity,
  id         uuid not null default new_id(),
  at         timestamptz not null default clock_timestamp(),
  actor_id   uuid,
  actor_role text,
  action     text not null,                           -- such as stock.changed, money.captured
  subject    text not null,                           -- such as sku:MUG-1, checkout:<id>
  details    jsonb not null default '{}',
  once       text,                                    -- names what may be written once only
  constraint audit_log_id_key unique (id),
  constraint audit_log_once unique (once)
);
create index audit_log_subject on audit_log (subject, number);

-- Nobody changes what was written: also not with direct SQL, nor as a replica would.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % is refused', tg_table_name, lower(tg_op)
    using errcode = 'insufficient_privilege';
end $$;
create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_change();
alter table audit_log enable always trigger audit_log_append_only;

-- Money moves where its row moves, whoever moves it: nobody can forget to write it down.
create function audit_money() returns trigger language plpgsql as $$
begin
  insert into audit_log (action, subject, details)
  select move.action, 'checkout:' || new.checkout_id, jsonb_build_object('amount', move.amount,
      'currency', new.currency, 'intentId', new.intent_id)
    from (values ('money.captured', new.captured - coalesce(old.captured, 0)),
      ('money.refunded', new.refunded - coalesce(old.refunded, 0)),
      ('money.refund_returned', coalesce(old.refunded, 0) - new.refunded)) as move (action, amount)
   where move.amount > 0;
  return null;
end $$;
create trigger payments_audit_insert after insert on payments
  for each row when (new.captured <> 0 or new.refunded <> 0) execute function audit_money();
create trigger payments_audit_update after update on payments
  for each row when (new.captured <> old.captured or new.refunded <> old.refunded)
  execute function audit_money();

-- Stock --------------------------------------------------------------------------------------------

-- Restocks and corrections that ended, for those who look for refused ones. They are few.
create index stock_commands_restocks on stock_commands (done_at) where kind = 'restock';

-- Where a seller wants to hear of it at another number of units than everybody.
create table stock_thresholds (
  sku   text primary key references variants on delete cascade,
  units integer not null,
  constraint stock_thresholds_range check (units between 0 and 1000000)
);

-- SKUs that are low at the moment: each row is one crossing, told once. It goes when the SKU is above again.
create table low_stock (
  sku      text primary key,
  crossing bigint not null generated always as identity,
  since    timestamptz not null default now()
);

-- Buyers who want to hear when a SKU is there again, the oldest first.
create table stock_alerts (
  number     bigint primary key generated always as identity,
  sku        text not null,
  buyer_id   uuid not null,
  created_at timestamptz not null default now(),
  told_at    timestamptz
);
create unique index stock_alerts_waiting on stock_alerts (sku, buyer_id) where told_at is null;
create index stock_alerts_next on stock_alerts (sku, number) where told_at is null;

-- Free units of a SKU that somebody was told of and that are still there: no second buyer is told of them.
create table stock_told (
  sku     text primary key,
  units   integer not null,
  told_at timestamptz not null default now()
);

-- Down Migration

drop table stock_told, stock_alerts, low_stock, stock_thresholds;
drop index stock_commands_restocks;
drop trigger payments_audit_update on payments;
drop trigger payments_audit_insert on payments;
drop function audit_money;
drop table audit_log;
drop function refuse_change;
drop function new_id;
