-- Makes the market move: psql repeats this ten times a second. Three prices
-- and one trade, in one transaction.
WITH moved AS (
    SELECT instrument_id, round((price * (0.998 + random() * 0.004))::numeric, 2) AS price, nextval('event_id') + 1 AS seq
    FROM latest_market_data ORDER BY random() LIMIT 3
)
SELECT record(
    jsonb_build_array(jsonb_build_object(
        'id', nextval('event_id'), 'instrument_id', (SELECT instrument_id FROM moved LIMIT 1),
        'side', CASE WHEN random() < 0.5 THEN 'buy' ELSE 'sell' END,
        'quantity', 1 + (random() * 50)::int, 'price', (SELECT price FROM moved LIMIT 1))),
    jsonb_agg(jsonb_build_object('instrument_id', instrument_id, 'price', price, 'feed_epoch', 1, 'feed_seq', seq))
) FROM moved \watch 0.1
