-- Runs once, after examples/postgres/market/market.sql: a few instruments, and
-- what Materialize needs to follow the three tables.
INSERT INTO instruments
SELECT n, 'SYM' || lpad(n::text, 3, '0'), 'desk-' || n % 4 FROM generate_series(1, 100) n;

SELECT record('[]', jsonb_agg(jsonb_build_object(
    'instrument_id', id, 'price', round((20 + random() * 200)::numeric, 2), 'feed_epoch', 0, 'feed_seq', 1)))
FROM instruments;

ALTER TABLE instruments REPLICA IDENTITY FULL;
ALTER TABLE trades REPLICA IDENTITY FULL;
ALTER TABLE latest_market_data REPLICA IDENTITY FULL;
CREATE PUBLICATION materialize FOR TABLE instruments, trades, latest_market_data;
CREATE SEQUENCE event_id;
