-- A trading book in plain PostgreSQL: three input tables, and two derived
-- tables that a gateway can follow, because PostgreSQL replicates tables and
-- no views.
--
--   instruments ─┐
--   trades ──────┼─ triggers, row by row ─▶ live_pnl ─ trigger ─▶ desk_events ─ worker, later ─▶ desk_totals
--   latest_market_data ─┘
--
-- Writers call record(). It takes its locks in one order, so that any number of
-- them may run at once without a deadlock. Plain INSERTs, UPDATEs and DELETEs
-- are counted just as well; only may two transactions that touch several
-- instruments in different orders then deadlock, and one of them has to be
-- repeated.

CREATE TABLE instruments (
    id     int  PRIMARY KEY,
    symbol text NOT NULL UNIQUE,
    desk   text NOT NULL
);

-- id is the event's own, given by whoever sends it: an event that comes twice
-- meets its first copy here, and its sums are left alone. However late an
-- event comes, it is counted.
CREATE TABLE trades (
    id            bigint        PRIMARY KEY,
    instrument_id int           NOT NULL REFERENCES instruments ON DELETE CASCADE,
    side          text          NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity      int           NOT NULL CHECK (quantity > 0),
    price         numeric(12,4) NOT NULL CHECK (price > 0),
    executed_at   timestamptz   NOT NULL DEFAULT now()
);
CREATE INDEX ON trades (instrument_id);

-- The newest price is the one with the greatest (feed_epoch, feed_seq), whatever
-- the order in which ticks come. A feed counts feed_seq up from 1 and takes the
-- next feed_epoch when it starts anew.
CREATE TABLE latest_market_data (
    instrument_id int           PRIMARY KEY REFERENCES instruments ON DELETE CASCADE,
    price         numeric(12,4) NOT NULL CHECK (price > 0),
    feed_epoch    int           NOT NULL,
    feed_seq      bigint        NOT NULL,
    updated_at    timestamptz   NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- The derived columns are filled by a trigger and not GENERATED, because
-- PostgreSQL does not replicate generated columns. The last two columns are
-- what avg_cost_basis is made of; the gateway leaves them out.
CREATE TABLE live_pnl (
    instrument_id   int     PRIMARY KEY REFERENCES instruments ON DELETE CASCADE,
    symbol          text    NOT NULL,
    desk            text    NOT NULL,
    net_position    bigint  NOT NULL DEFAULT 0,
    latest_price    numeric(12,4),
    market_value    numeric(24,4),
    avg_cost_basis  numeric(12,4),
    theoretical_pnl numeric(24,4),
    bought_quantity bigint  NOT NULL DEFAULT 0,
    bought_cost     numeric NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- What the same numbers are when they are computed from scratch. For tests and
-- for the curious: a view cannot be followed.
CREATE VIEW live_pnl_recomputed AS
SELECT instrument_id, symbol, desk, net_position, latest_price, net_position * latest_price AS market_value, avg_cost_basis,
       net_position * (latest_price - avg_cost_basis) AS theoretical_pnl
FROM (SELECT i.id AS instrument_id, i.symbol, i.desk, m.price AS latest_price,
             coalesce(sum(CASE t.side WHEN 'buy' THEN t.quantity ELSE -t.quantity END), 0) AS net_position,
             (sum(t.quantity * t.price) FILTER (WHERE t.side = 'buy')
                / sum(t.quantity) FILTER (WHERE t.side = 'buy'))::numeric(12,4) AS avg_cost_basis
      FROM instruments i LEFT JOIN latest_market_data m ON m.instrument_id = i.id LEFT JOIN trades t ON t.instrument_id = i.id
      GROUP BY i.id, i.symbol, i.desk, m.price) sums;

CREATE FUNCTION live_pnl_derive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.market_value := NEW.net_position * NEW.latest_price;
    NEW.avg_cost_basis := CASE WHEN NEW.bought_quantity > 0 THEN NEW.bought_cost / NEW.bought_quantity END;
    NEW.theoretical_pnl := NEW.net_position * (NEW.latest_price - NEW.avg_cost_basis);
    RETURN NEW;
END $$;
CREATE TRIGGER derive BEFORE INSERT OR UPDATE ON live_pnl FOR EACH ROW EXECUTE FUNCTION live_pnl_derive();

CREATE FUNCTION instruments_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO live_pnl (instrument_id, symbol, desk) VALUES (NEW.id, NEW.symbol, NEW.desk);
    ELSE
        UPDATE live_pnl SET symbol = NEW.symbol, desk = NEW.desk WHERE instrument_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER live_pnl AFTER INSERT OR UPDATE ON instruments FOR EACH ROW EXECUTE FUNCTION instruments_changed();

-- Adds one trade's share, or takes it away with times = -1. "x = x + y" waits for
-- whoever has the row and then adds to what that one left behind.
CREATE FUNCTION book_trade(t trades, times int) RETURNS void LANGUAGE sql AS $$
    UPDATE live_pnl SET
        net_position    = net_position    + times * CASE t.side WHEN 'buy' THEN t.quantity ELSE -t.quantity END,
        bought_quantity = bought_quantity + times * CASE t.side WHEN 'buy' THEN t.quantity ELSE 0 END,
        bought_cost     = bought_cost     + times * CASE t.side WHEN 'buy' THEN t.quantity * t.price ELSE 0 END
    WHERE instrument_id = t.instrument_id;
$$;

CREATE FUNCTION trades_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A trade that moves to another instrument locks two rows: the lower first.
    IF TG_OP = 'UPDATE' AND OLD.instrument_id > NEW.instrument_id THEN
        PERFORM book_trade(NEW, 1);
        PERFORM book_trade(OLD, -1);
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN PERFORM book_trade(OLD, -1); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM book_trade(NEW, 1); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER live_pnl AFTER INSERT OR UPDATE OR DELETE ON trades FOR EACH ROW EXECUTE FUNCTION trades_changed();

-- The row of latest_market_data stays locked until the transaction ends, so that
-- prices reach live_pnl in the order in which they won there.
CREATE FUNCTION prices_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR OLD.instrument_id <> NEW.instrument_id) THEN
        UPDATE live_pnl SET latest_price = NULL WHERE instrument_id = OLD.instrument_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE live_pnl SET latest_price = NEW.price
        WHERE instrument_id = NEW.instrument_id AND latest_price IS DISTINCT FROM NEW.price;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER live_pnl AFTER INSERT OR UPDATE OR DELETE ON latest_market_data FOR EACH ROW EXECUTE FUNCTION prices_changed();

-- record takes trades and ticks as JSON arrays of objects with the columns'
-- names, all in one transaction. All instruments are locked first, lowest first.
-- Call it once in a transaction: two calls could lock in another order.
CREATE FUNCTION record(new_trades jsonb, new_ticks jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('live_pnl'::regclass::oid::int, instrument_id)
    FROM (SELECT DISTINCT instrument_id
          FROM jsonb_to_recordset(new_trades || new_ticks) AS e (instrument_id int) ORDER BY instrument_id) ordered;

    INSERT INTO trades (id, instrument_id, side, quantity, price, executed_at)
    SELECT id, instrument_id, side, quantity, price, coalesce(executed_at, now())
    FROM jsonb_to_recordset(new_trades) AS t
         (id bigint, instrument_id int, side text, quantity int, price numeric, executed_at timestamptz)
    ORDER BY instrument_id
    ON CONFLICT (id) DO NOTHING;

    INSERT INTO latest_market_data AS m (instrument_id, price, feed_epoch, feed_seq)
    SELECT DISTINCT ON (instrument_id) instrument_id, price, feed_epoch, feed_seq
    FROM jsonb_to_recordset(new_ticks) AS t (instrument_id int, price numeric, feed_epoch int, feed_seq bigint)
    ORDER BY instrument_id, feed_epoch DESC, feed_seq DESC
    ON CONFLICT (instrument_id) DO UPDATE
    SET price = EXCLUDED.price, feed_epoch = EXCLUDED.feed_epoch, feed_seq = EXCLUDED.feed_seq, updated_at = now()
    WHERE (EXCLUDED.feed_epoch, EXCLUDED.feed_seq) > (m.feed_epoch, m.feed_seq);
END $$;

-- The second tier. Writers leave a note of every difference; a worker adds the
-- notes up later and removes them in the same transaction, so that each is
-- counted once however often the worker is killed. Totals per desk in the
-- writers' own transactions would make all writers of a desk wait for each other.
CREATE TABLE desk_events (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    desk            text    NOT NULL,
    instruments     int     NOT NULL,
    market_value    numeric NOT NULL,
    theoretical_pnl numeric NOT NULL
);

CREATE TABLE desk_totals (
    desk            text          PRIMARY KEY,
    instruments     int           NOT NULL DEFAULT 0,
    market_value    numeric(24,4) NOT NULL DEFAULT 0,
    theoretical_pnl numeric(24,4) NOT NULL DEFAULT 0,
    updated_at      timestamptz   NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE FUNCTION live_pnl_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.desk = NEW.desk THEN
        IF (OLD.market_value, OLD.theoretical_pnl) IS DISTINCT FROM (NEW.market_value, NEW.theoretical_pnl) THEN
            INSERT INTO desk_events (desk, instruments, market_value, theoretical_pnl) VALUES (NEW.desk, 0,
                coalesce(NEW.market_value, 0) - coalesce(OLD.market_value, 0),
                coalesce(NEW.theoretical_pnl, 0) - coalesce(OLD.theoretical_pnl, 0));
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO desk_events (desk, instruments, market_value, theoretical_pnl)
        VALUES (OLD.desk, -1, -coalesce(OLD.market_value, 0), -coalesce(OLD.theoretical_pnl, 0));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO desk_events (desk, instruments, market_value, theoretical_pnl)
        VALUES (NEW.desk, 1, coalesce(NEW.market_value, 0), coalesce(NEW.theoretical_pnl, 0));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER desk_events AFTER INSERT OR UPDATE OR DELETE ON live_pnl FOR EACH ROW EXECUTE FUNCTION live_pnl_changed();

-- total_desks adds up at most so many notes and returns how many it took. It
-- takes the notes that are there, not those behind some highest id: a note with
-- a lower id may be committed later. Several workers may run at once.
CREATE FUNCTION total_desks(most int) RETURNS bigint LANGUAGE sql AS $$
    WITH taken AS (
        DELETE FROM desk_events WHERE id IN (SELECT id FROM desk_events ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING desk, instruments, market_value, theoretical_pnl
    ), sums AS (
        SELECT desk, count(*) AS notes, sum(instruments) AS instruments, sum(market_value) AS market_value,
               sum(theoretical_pnl) AS theoretical_pnl
        FROM taken GROUP BY desk
    ), added AS (
        INSERT INTO desk_totals AS d (desk, instruments, market_value, theoretical_pnl)
        SELECT desk, instruments, market_value, theoretical_pnl FROM sums ORDER BY desk
        ON CONFLICT (desk) DO UPDATE
        SET instruments = d.instruments + EXCLUDED.instruments, market_value = d.market_value + EXCLUDED.market_value,
            theoretical_pnl = d.theoretical_pnl + EXCLUDED.theoretical_pnl, updated_at = now()
    )
    SELECT coalesce(sum(notes), 0)::bigint FROM sums;
$$;
