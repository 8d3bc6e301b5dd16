-- Up Migration

-- An erased account keeps its id, for orders and products that point at it, and nothing personal.
-- Access tokens from before `sessions_ended_at` are refused, although their signature is good.
alter table accounts
  add column barred_at         timestamptz,
  add column barred_reason     text,
  add column erased_at         timestamptz,
  add column sessions_ended_at timestamptz,
  add constraint accounts_bar_has_reason check ((barred_at is null) = (barred_reason is null));

create index accounts_sessions_ended on accounts (sessions_ended_at) where sessions_ended_at is not null;
create index accounts_barred on accounts (barred_at) where barred_at is not null;

-- Down Migration

alter table accounts
  drop constraint accounts_bar_has_reason,
  drop column barred_at,
  drop column barred_reason,
  drop column erased_at,
  drop column sessions_ended_at;
