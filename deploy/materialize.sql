-- Runs at every start of docker compose: Materialize follows the three tables of
-- PostgreSQL and keeps live_pnl up to date.
--
-- A materialized view without an index on it: a SUBSCRIBE that finds an index
-- reads from that, and an index keeps one second of history only. To let the
-- gateway resume after longer breaks without reading everything again:
--   ALTER MATERIALIZED VIEW live_pnl SET (RETAIN HISTORY FOR '5min');
CREATE SECRET IF NOT EXISTS market_password AS 'postgres';
CREATE CONNECTION IF NOT EXISTS market TO POSTGRES (
    HOST 'postgres', PORT 5432, USER 'postgres', PASSWORD SECRET market_password, DATABASE 'market'
);
CREATE SOURCE IF NOT EXISTS market_tables FROM POSTGRES CONNECTION market (PUBLICATION 'materialize')
    FOR TABLES (public.instruments AS instruments, public.trades AS trades, public.latest_market_data AS latest_market_data);

CREATE MATERIALIZED VIEW IF NOT EXISTS live_pnl AS
SELECT instrument_id, symbol, net_position, latest_price, net_position * latest_price AS market_value, avg_cost_basis,
       net_position * (latest_price - avg_cost_basis) AS theoretical_pnl
FROM (
    SELECT i.id AS instrument_id, i.symbol, m.price AS latest_price,
           coalesce(sum(CASE t.side WHEN 'buy' THEN t.quantity ELSE -t.quantity END), 0) AS net_position,
           sum(CASE t.side WHEN 'buy' THEN t.quantity * t.price END)
             / sum(CASE t.side WHEN 'buy' THEN t.quantity END) AS avg_cost_basis
    FROM instruments i
    LEFT JOIN latest_market_data m ON m.instrument_id = i.id
    LEFT JOIN trades t ON t.instrument_id = i.id
    GROUP BY i.id, i.symbol, m.price
) AS sums;
