-- Up Migration

-- Attempts know their cards. Another card may take the place of one whose bank waits for the buyer: the attempt is
-- `replaced` then, and `payments.replaced` says that a success has to be credited to the card that paid.
-- `card_brand` and `card_last4` are what the provider says of the card. `details` is what the provider is told of the
-- buyer, as long as the attempt has no verdict: a repeated request has to be the same. `processing`: the provider is at
-- it, perhaps for days, and the hold stays so long.
-- No stop: code from before can run on this. Until it is gone, it may end a hold whose payment is processing after an
-- hour, and credit a success to the last card although the one before has paid.
alter table payment_attempts drop constraint payment_attempts_state_known;
alter table payment_attempts add constraint payment_attempts_state_known check (state in ('waiting', 'pending',
  'requires_action', 'replaced', 'succeeded', 'declined', 'abandoned'));
alter table payment_attempts add column card_brand text;
alter table payment_attempts add column card_last4 text;
alter table payment_attempts add column details jsonb;
alter table payment_attempts add column processing boolean not null default false;
alter table payments add column replaced boolean not null default false;

-- Down Migration

update payment_attempts set state = 'abandoned' where state = 'replaced';
alter table payments drop column replaced;
alter table payment_attempts drop column card_brand, drop column card_last4, drop column details, drop column processing;
alter table payment_attempts drop constraint payment_attempts_state_known;
alter table payment_attempts add constraint payment_attempts_state_known check (state in ('waiting', 'pending',
  'requires_action', 'succeeded', 'declined', 'abandoned'));
