-- Up Migration

create extension if not exists pg_trgm;
create extension if not exists unaccent;

-- Variants are shown in the order in which they were added.
alter table variants add column number bigint generated always as identity;

-- The one spelling in which texts and queries meet: no accents, no punctuation, lower case.
create function search_text(input text) returns text language sql stable strict parallel safe
  return lower(regexp_replace(unaccent(input), '[[:punct:]]+', ' ', 'g'));

-- What is searched: one row for each product with something to sell, one for each variant on sale.
-- Triggers keep them: whoever writes a product or a variant needs to know nothing of searching.
create table product_search (
  product_id  uuid primary key references products on delete cascade,
  category    text not null,
  price       integer not null,                      -- the lowest of its variants
  stock_price integer,                               -- the lowest of those in stock; null: out of stock
  currency    text not null,
  words       tsvector not null,                     -- as written, and by their stems
  noted       boolean not null default false         -- search_words has its words
);
create index product_search_words on product_search using gin (words);
create index product_search_price on product_search (price, product_id);
create index product_search_stock_price on product_search (stock_price, product_id) where stock_price is not null;
create index product_search_category on product_search (category, product_id);
create index product_search_category_price on product_search (category, price, product_id);
create index product_search_to_note on product_search (product_id) where not noted;

create table variant_search (
  sku        text primary key references variants on delete cascade,
  product_id uuid not null,
  category   text not null,
  price      integer not null,
  in_stock   boolean not null,                       -- at most a second behind the ledger
  options    text[] not null                         -- each as name=value
);
create index variant_search_product on variant_search (product_id);
create index variant_search_category on variant_search (category, price);
create index variant_search_options on variant_search using gin (options);

-- Every word that products use, for finding the one that was meant.
create table search_words (
  word text primary key
);
create index search_words_near on search_words using gist (word gist_trgm_ops);
create index search_words_prefix on search_words (word text_pattern_ops);

-- Writes the rows of `ids` anew.
create function refresh_search(ids uuid[]) returns void language sql as $$
  delete from variant_search where product_id = any (ids);
  insert into variant_search (sku, product_id, category, price, in_stock, options)
  select v.sku, p.id, p.category, v.price, coalesce(l.free + l.set_aside > 0, false),
      array(select key || '=' || value from jsonb_each_text(v.options) order by key)
    from products p
    join variants v on v.product_id = p.id
    left join ledger l on l.sku = v.sku
   where p.id = any (ids) and p.archived_at is null and v.archived_at is null;
  delete from product_search s
   where s.product_id = any (ids) and not exists (select from variant_search v where v.product_id = s.product_id);
  insert into product_search (product_id, category, price, stock_price, currency, words)
  select p.id, p.category, v.price, v.stock_price, v.currency,
      setweight(to_tsvector('simple', t.short) || to_tsvector('english', t.short), 'A') ||
      setweight(to_tsvector('simple', t.long) || to_tsvector('english', t.long), 'C')
    from products p
    join lateral (
      select min(s.price) as price, min(s.price) filter (where s.in_stock) as stock_price,
          min(o.currency) as currency
        from variant_search s join variants o on o.sku = s.sku where s.product_id = p.id) v on v.price is not null
    join lateral (
      select search_text(concat_ws(' ', p.title, p.category, (
          select string_agg(distinct o.value, ' ')
            from variants s cross join jsonb_each_text(s.options) o
           where s.product_id = p.id and s.archived_at is null))) as short,
        search_text(p.description) as long) t on true
   where p.id = any (ids) and p.archived_at is null
  on conflict (product_id) do update set category = excluded.category, price = excluded.price,
    stock_price = excluded.stock_price, currency = excluded.currency, words = excluded.words, noted = false;
$$;

create function refresh_search_of_products() returns trigger language plpgsql as $$
begin
  perform refresh_search(array(select id from changed));
  return null;
end $$;
create function refresh_search_of_variants() returns trigger language plpgsql as $$
begin
  perform refresh_search(array(select distinct product_id from changed));
  return null;
end $$;
create trigger products_search_update after update on products referencing new table as changed
  for each statement execute function refresh_search_of_products();
create trigger variants_search_insert after insert on variants referencing new table as changed
  for each statement execute function refresh_search_of_variants();
create trigger variants_search_update after update on variants referencing new table as changed
  for each statement execute function refresh_search_of_variants();
create trigger variants_search_delete after delete on variants referencing old table as changed
  for each statement execute function refresh_search_of_variants();
select refresh_search(array(select id from products));

-- What was bought: how many paid orders have a product, and how many have two of them together.
create table counted_orders (
  order_id uuid primary key
);
create table product_sales (
  product_id uuid primary key,
  orders     integer not null
);
create index product_sales_popular on product_sales (orders desc, product_id);
create table product_pairs (
  product_id uuid not null,
  other_id   uuid not null,
  orders     integer not null,
  primary key (product_id, other_id)
);
create index product_pairs_strongest on product_pairs (product_id, orders desc);

-- Down Migration

drop table product_pairs, product_sales, counted_orders;
drop trigger variants_search_delete on variants;
drop trigger variants_search_update on variants;
drop trigger variants_search_insert on variants;
drop trigger products_search_update on products;
drop function refresh_search_of_variants;
drop function refresh_search_of_products;
drop function refresh_search;
drop table search_words, variant_search, product_search;
drop function search_text;
alter table variants drop column number;
drop extension unaccent;
drop extension pg_trgm;
