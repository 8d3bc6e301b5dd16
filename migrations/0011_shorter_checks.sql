-- Up Migration

-- PostgreSQL reads the constraints of a table anew for each statement that writes to it: for a small batch of orders
-- that costs as much as some rows. The constraints allow what they allowed. They name each state once, as a constant,
-- and those of a new row first. Code from before this migration can run with them.
--
-- One reading of each table proves the rows that are there; nothing is rewritten.

alter table orders
  drop constraint orders_state_known,
  drop constraint orders_outcome_known,
  drop constraint orders_outcome_of_the_ended,
  add constraint orders_state_known check (
    case when outcome is null then state = any ('{reserved,paying,assembling,waiting}'::text[])
      else state = any ('{paid,processing,shipped,delivered,expired,cancelled,payment_failed,refunded,rejected,sold_out}'
          ::text[])
        and outcome = any ('{confirmed,expired,cancelled,payment_failed,rejected,sold_out}'::text[]) end);

alter table order_lines
  drop constraint order_lines_stock_known,
  drop constraint order_lines_progress_known,
  add constraint order_lines_stock_known check (stock = any ('{held,sold,asked,released,returned,void}'::text[])),
  add constraint order_lines_progress_known check (progress = any ('{processing,shipped,delivered}'::text[]));

-- Down Migration

alter table order_lines
  drop constraint order_lines_stock_known,
  drop constraint order_lines_progress_known,
  add constraint order_lines_stock_known check (stock in ('asked', 'held', 'sold', 'released', 'returned', 'void')),
  add constraint order_lines_progress_known check (progress in ('processing', 'shipped', 'delivered'));

alter table orders
  drop constraint orders_state_known,
  add constraint orders_state_known check (state in ('assembling', 'waiting', 'reserved', 'paying', 'paid',
    'processing', 'shipped', 'delivered', 'expired', 'cancelled', 'payment_failed', 'refunded', 'rejected',
    'sold_out')),
  add constraint orders_outcome_known check (outcome in ('confirmed', 'expired', 'cancelled', 'payment_failed',
    'rejected', 'sold_out')),
  add constraint orders_outcome_of_the_ended check
    ((outcome is null) = (state in ('reserved', 'paying', 'assembling', 'waiting')));
