-- Up Migration

-- A stop: code from before this migration asks the provider again for attempts that somebody of the code after it
-- is still driving. Stop every API and every worker, migrate, start the new ones.
--
-- `leased_until`: until then somebody drives the attempt, and everybody else leaves it alone: the reconciler, a
-- confirm that joins, the sweep, and whoever judges the system. `sent_at`: since when the provider may know of it.
-- `key_round` counts the idempotency keys of one attempt: a key under which the provider has stored a failure of its
-- own is left behind. `waiting` is the queue before the provider, whose places are these rows.
alter table payment_attempts add column leased_until timestamptz not null default now() + interval '15 seconds';
alter table payment_attempts add column sent_at timestamptz default now();
alter table payment_attempts add column key_round smallint not null default 0;
update payment_attempts
   set leased_until = greatest(created_at + interval '15 seconds', asked_at + interval '30 seconds'), sent_at = created_at;
alter table payment_attempts drop column asked_at;

alter table payment_attempts drop constraint payment_attempts_state_known;
alter table payment_attempts add constraint payment_attempts_state_known check (state in ('waiting', 'pending',
  'requires_action', 'succeeded', 'declined', 'abandoned'));

drop index payment_attempts_one_open;
create unique index payment_attempts_one_open on payment_attempts (checkout_id)
  where state in ('waiting', 'pending', 'requires_action');
drop index payment_attempts_unsettled;
create index payment_attempts_unsettled on payment_attempts (leased_until)
  where state in ('pending', 'requires_action');
create index payment_attempts_waiting on payment_attempts (created_at, checkout_id) where state = 'waiting';

-- Down Migration

-- A stop as well. What waits is asked for by the reconciler of the code before.
drop index payment_attempts_one_open, payment_attempts_unsettled, payment_attempts_waiting;
update payment_attempts set state = 'pending' where state = 'waiting';
alter table payment_attempts drop constraint payment_attempts_state_known;
alter table payment_attempts add constraint payment_attempts_state_known check (state in ('pending',
  'requires_action', 'succeeded', 'declined', 'abandoned'));
alter table payment_attempts add column asked_at timestamptz;
alter table payment_attempts drop column leased_until, drop column sent_at, drop column key_round;
create unique index payment_attempts_one_open on payment_attempts (checkout_id)
  where state in ('pending', 'requires_action');
create index payment_attempts_unsettled on payment_attempts (created_at)
  where state in ('pending', 'requires_action');
