-- Up Migration

-- A stop: the owners of the code before this migration take every unit of a line back when they are told to take one.
-- Stop every API and every worker, migrate, start the new ones.
--
-- Refunds are begun by sellers and operators, line by line, and at the provider by somebody else. `origin` says which
-- are the provider's: a row each, beside those of the shop. `asked_by`, with `idempotency_key` and `fingerprint`, is who
-- called the API; `seller_id` whose lines it is about, null for all; `note` what they wrote.
-- `taken_at`: since when the provider has it. `again_at`: of a pending one, when the provider is asked about it next, if
-- not in the usual pauses; of a failed one, when its money is asked for again (null: never by the shop itself), for the
-- `round`-th time. `next_id`: which refund took its place.
alter table refunds
  add column origin text not null default 'shop',
  add column asked_by uuid,
  add column seller_id uuid,
  add column idempotency_key text,
  add column fingerprint text,
  add column note text,
  add column round smallint not null default 0,
  add column taken_at timestamptz,
  add column again_at timestamptz,
  add column next_id uuid,
  add constraint refunds_origin_known check (origin in ('shop', 'provider'));
update refunds set taken_at = created_at where refund_id is not null;
create unique index refunds_once_at_provider on refunds (refund_id) where refund_id is not null;
create unique index refunds_key on refunds (asked_by, idempotency_key) where idempotency_key is not null;
create index refunds_again on refunds (again_at) where state = 'failed' and again_at is not null;

-- Which units a refund is about: `back` of them return to the stock. `amount` is what of it is for this line.
create table refund_lines (
  refund_id uuid not null,
  sku       text not null,
  units     integer not null,
  back      integer not null default 0,
  amount    bigint not null,
  primary key (refund_id, sku),
  constraint refund_lines_units_range check (units > 0 and back between 0 and units),
  constraint refund_lines_amount_range check (amount >= 0)
);

-- What is on its way back or is back already, of all refunds of a payment, whoever began them. A trigger counts it, so
-- that no statement can forget to, and the constraint ends every race for the last cent.
alter table payments add column given_back bigint not null default 0;
update payments p set given_back = r.amount
  from (select checkout_id, sum(amount) as amount from refunds where state <> 'failed' group by checkout_id) r
 where r.checkout_id = p.checkout_id;
alter table payments add constraint payments_given_back_range check (given_back between 0 and captured);

create function count_given_back() returns trigger language plpgsql as $$
declare
  counted bigint := 0;
begin
  if tg_op <> 'DELETE' and new.state <> 'failed' then counted := new.amount; end if;
  if tg_op <> 'INSERT' and old.state <> 'failed' then counted := counted - old.amount; end if;
  if counted <> 0 then
    update payments set given_back = given_back + counted where checkout_id = coalesce(new.checkout_id, old.checkout_id);
  end if;
  return null;
end $$;
create trigger refunds_given_back after insert or update of amount, state or delete on refunds
  for each row execute function count_given_back();

-- How many units of a line came back after they were paid for. Its owner counts them, and no unit comes back twice.
alter table order_lines add column returned integer not null default 0;
update order_lines set returned = quantity where stock = 'returned';
alter table order_lines
  drop constraint order_lines_quantity_range,
  add constraint order_lines_quantity_range check (returned >= 0 and returned <= quantity);

-- The units of a line may come back in several returns, each of them a part.
alter table stock_commands add column part smallint not null default 0;
drop index stock_commands_once;
create unique index stock_commands_once on stock_commands (checkout_id, sku, kind, part) where checkout_id is not null;

-- Down Migration

-- A stop as well. The code before knows no line of which some units came back: such a line counts as sold whole, with
-- as many units more on hand. Of several returns of a line that wait, the first takes all.
update ledger l set on_hand = l.on_hand + r.units, sold = l.sold + r.sold, held = l.held + r.held
  from (select sku, sum(returned)::int as units, coalesce(sum(returned) filter (where stock = 'sold'), 0)::int as sold,
            coalesce(sum(returned) filter (where stock = 'held'), 0)::int as held
          from order_lines where returned > 0 and stock in ('sold', 'held') group by sku) r
 where l.sku = r.sku;
update buyer_units b set unit_limit = greatest(b.unit_limit, b.units + r.units), units = b.units + r.units
  from (select n.pool, o.buyer_id, sum(n.returned)::int as units from order_lines n join orders o on o.id = n.order_id
         where n.returned > 0 and n.stock in ('sold', 'held') and n.pool is not null group by n.pool, o.buyer_id) r
 where b.pool = r.pool and b.buyer_id = r.buyer_id;
delete from stock_commands a using stock_commands b
 where a.kind = 'return' and b.kind = 'return' and a.checkout_id = b.checkout_id and a.sku = b.sku
   and (a.done_at is not null, a.created_at, a.id) > (b.done_at is not null, b.created_at, b.id);
drop index stock_commands_once;
alter table stock_commands drop column part;
create unique index stock_commands_once on stock_commands (checkout_id, sku, kind) where checkout_id is not null;

alter table order_lines
  drop constraint order_lines_quantity_range,
  drop column returned,
  add constraint order_lines_quantity_range check (quantity >= 0);

drop trigger refunds_given_back on refunds;
drop function count_given_back;
alter table payments drop column given_back;
drop table refund_lines;
drop index refunds_once_at_provider, refunds_key, refunds_again;
alter table refunds
  drop column origin, drop column asked_by, drop column seller_id, drop column idempotency_key, drop column fingerprint,
  drop column note, drop column round, drop column taken_at, drop column again_at, drop column next_id;
