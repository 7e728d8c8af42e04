// Package world is a small trading world that moves by itself: instruments,
// trades and prices in, a profit-and-loss view out.
//
//	instruments  id, symbol, name, sector, currency
//	trades       id, instrument_id, side, quantity, price, executed_at
//	market_data  instrument_id, price, updated_at
//	live_pnl     instrument_id, symbol, net_position, latest_price,
//	             market_value, avg_cost_basis, theoretical_pnl
//
// live_pnl is kept incrementally and is at every time what this query says:
//
//	SELECT i.id AS instrument_id, i.symbol,
//	  coalesce(sum(CASE t.side WHEN 'buy' THEN t.quantity ELSE -t.quantity END), 0) AS net_position,
//	  m.price AS latest_price,
//	  net_position * m.price AS market_value,
//	  round(sum(t.quantity * t.price) FILTER (WHERE side = 'buy') / sum(t.quantity) FILTER (WHERE side = 'buy'), 4) AS avg_cost_basis,
//	  net_position * (m.price - avg_cost_basis) AS theoretical_pnl
//	FROM instruments i LEFT JOIN trades t ON ... LEFT JOIN market_data m ON ... GROUP BY i.id, i.symbol, m.price
//
// so that a row has NULLs until its instrument has a price and a first buy.
// Each [World.Step] is one time, or Options.Times of them. Money has four
// decimals and is computed in integers. The same seed gives the same world.
//
// A World is safe for concurrent use.
package world
