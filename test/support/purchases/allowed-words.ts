/** Tries every pair of words, the known ones and some that nobody knows, and says which a row may have. */
export const tryWords = `
  create function allowed() returns setof text language plpgsql as $$
  declare
    one text;
    other text;
    outcomes text[] := '{NULL,confirmed,expired,cancelled,payment_failed,rejected,sold_out,lost,"",reserved}';
    steps text[] := '{NULL,processing,shipped,delivered,paid,""}';
  begin
    foreach one in array '{assembling,waiting,reserved,paying,paid,processing,shipped,delivered,expired,cancelled,
        payment_failed,refunded,rejected,sold_out,confirmed,lost,"",NULL}'::text[] loop
      foreach other in array outcomes loop
        begin
          insert into orders (id, buyer_id, state, outcome) values (gen_random_uuid(), gen_random_uuid(), one, other);
          return next concat_ws(' ', 'order', one, other);
        exception when check_violation or not_null_violation then null;
        end;
      end loop;
    end loop;
    foreach one in array '{asked,held,sold,released,returned,void,lost,"",NULL}'::text[] loop
      foreach other in array steps loop
        begin
          insert into order_lines (order_id, sku, quantity, stock, progress)
            values (gen_random_uuid(), 'CUP', 1, one, other);
          return next concat_ws(' ', 'line', one, other);
        exception when check_violation or not_null_violation then null;
        end;
      end loop;
    end loop;
  end $$`
