-- Up Migration

-- A picture of a product, from the announcement of its upload on. `pending`: not uploaded yet;
-- `processing`: uploaded, to be checked and sized; `ready`: shown; `refused`: never shown, with why.
create table product_images (
  id           uuid primary key,
  product_id   uuid not null references products on delete cascade,
  seller_id    uuid not null,
  content_type text not null,
  bytes        integer not null,
  status       text not null default 'pending',
  reason       text,
  file_id      uuid,                                  -- whose files are shown; null: its own
  width        integer,
  height       integer,
  attempts     integer not null default 0,
  due_at       timestamptz not null default now(),   -- of the next look, or of the next try to process
  created_at   timestamptz not null default now(),
  constraint product_images_bytes_positive check (bytes > 0),
  constraint product_images_status_known check (status in ('pending', 'processing', 'ready', 'refused')),
  constraint product_images_refused_why check ((status = 'refused') = (reason is not null)),
  constraint product_images_ready_sized check (status <> 'ready' or (width > 0 and height > 0))
);
create index product_images_product on product_images (product_id, id);
create index product_images_due on product_images (due_at) where status in ('pending', 'processing');
create index product_images_refused on product_images (created_at) where status = 'refused';

-- Down Migration

drop table product_images;
