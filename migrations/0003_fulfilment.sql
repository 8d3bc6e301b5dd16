-- Up Migration

-- Where a seller keeps goods. Where no distance can be told, a lower `priority` comes first.
create table stock_locations (
  id         uuid primary key,
  seller_id  uuid not null,
  name       text not null,
  latitude   double precision,
  longitude  double precision,
  priority   integer not null default 100,
  online     boolean not null default true,
  version    integer not null default 1,              -- counts the changes that may move shipments
  created_at timestamptz not null default now(),
  constraint stock_locations_place_whole check ((latitude is null) = (longitude is null)),
  constraint stock_locations_latitude_range check (latitude between -90 and 90),
  constraint stock_locations_longitude_range check (longitude between -180 and 180)
);
create index stock_locations_seller on stock_locations (seller_id, id);

-- Units of a SKU at a location that no shipment has been promised yet. The ledger knows how many can be
-- sold; this only tells where they lie.
create table location_stock (
  location_id uuid not null references stock_locations on delete cascade,
  sku         text not null,
  units       integer not null,
  primary key (location_id, sku),
  constraint location_stock_not_negative check (units >= 0)
);

-- Where an order goes, if its buyer said so.
create table order_destinations (
  order_id  uuid primary key,
  latitude  double precision not null,
  longitude double precision not null,
  constraint order_destinations_range check (latitude between -90 and 90 and longitude between -180 and 180)
);

-- Which sellers have a part in which paid orders, for their lists: written when an order is paid, because
-- an index on order_lines would be paid for by every checkout.
create table order_sellers (
  seller_id uuid not null,
  order_id  uuid not null,
  primary key (seller_id, order_id)
);

-- A parcel of one seller from one location. A null location: the seller has none that has the units.
create table shipments (
  id           uuid primary key,
  order_id     uuid not null,
  seller_id    uuid not null,
  location_id  uuid references stock_locations,
  status       text not null default 'planned',
  tracking     text,
  created_at   timestamptz not null default now(),
  shipped_at   timestamptz,
  delivered_at timestamptz,
  constraint shipments_status_known check (status in ('planned', 'shipped', 'delivered', 'cancelled'))
);
create index shipments_order on shipments (order_id);
create index shipments_planned on shipments (seller_id, order_id) where status = 'planned';

create table shipment_lines (
  shipment_id uuid not null references shipments on delete cascade,
  sku         text not null,
  units       integer not null,
  primary key (shipment_id, sku),
  constraint shipment_lines_units_positive check (units > 0)
);

-- Down Migration

drop table shipment_lines, shipments, order_sellers, order_destinations, location_stock, stock_locations;
