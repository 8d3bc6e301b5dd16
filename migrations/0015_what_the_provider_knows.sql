-- Up Migration

-- How far the walk over the provider's events has come: one row, whichever worker walks. Older code can run on this,
-- and does not walk.
--
-- A walk goes from the newest event to the oldest. `from_time` is where it ends, `after_id` the last event of the last
-- page that is stored; a walk that was broken off goes on from there. `number` counts the walks, so that two workers
-- that walk at once notice it.
create table event_walk (
  one        boolean primary key default true,
  number     bigint not null default 0,
  wanted_at  timestamptz default now(),               -- from then on a gap is to be walked over
  walked_to  timestamptz,                             -- when the last whole walk began
  long_at    timestamptz,                             -- when the last whole walk of a night began
  began_at   timestamptz,                             -- of the walk under way; null: there is none
  from_time  timestamptz,
  after_id   text,
  long       boolean not null default false,
  found      bigint not null default 0,               -- events of this walk that no webhook had brought
  constraint event_walk_one_row check (one),
  constraint event_walk_under_way check ((began_at is null) = (from_time is null))
);
insert into event_walk default values;

-- Few rows are in these, and operators ask for them.
create index payments_flagged on payments (checkout_id) where flagged is not null;
create index refunds_failed on refunds (id) where state = 'failed';

-- Down Migration

drop index refunds_failed;
drop index payments_flagged;
drop table event_walk;
