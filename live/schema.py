"""The journal's tables and statements, as SQLite is told them.

Times are UTC text in ISO form; `bar` counts from the first bar the engine saw, so
a run's first journalled bar comes after its warm-up bars. Prices are USD, raw;
NULL is "none". Rows are never changed, except an order's state, what is held at the
broker, what the engine has taken of a split, the one snapshot and the one pulse.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["APPLICATION_ID", "DDL", "INSERT", "LIMITS_DDL", "ORDERS", "UPGRADES", "VERSION"]

APPLICATION_ID = 0x6F6E6570  # "onep": tells our files from other SQLite databases
VERSION = 3

# Splits that the broker did to shares that were held; `taken` is as much of the ratio as the engine's bars
# have told of, up to `bar`. Ratios are text, as exact as they were told.
_SPLITS = """CREATE TABLE splits (
        seq INTEGER PRIMARY KEY, at TEXT NOT NULL, symbol TEXT NOT NULL, ratio TEXT NOT NULL,
        taken TEXT NOT NULL, bar INTEGER)"""

DDL = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE bars (
        bar INTEGER NOT NULL, bar_close TEXT NOT NULL, symbol TEXT NOT NULL,
        open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
        factor REAL NOT NULL, split REAL NOT NULL, dividend REAL NOT NULL,
        PRIMARY KEY (bar, symbol)) WITHOUT ROWID""",
    # One row per symbol and bar: what was read (JSON, exact), what the strategy wanted, what blocked it, what
    # was decided for the next open, and what protects the position there.
    """CREATE TABLE decisions (
        bar INTEGER NOT NULL, bar_close TEXT NOT NULL, symbol TEXT NOT NULL, scores TEXT NOT NULL,
        entry INTEGER, exit INTEGER, weight REAL, stop REAL, target REAL, trail REAL, time_limit REAL,
        gate TEXT NOT NULL, position REAL NOT NULL, intent REAL NOT NULL, intent_reason TEXT NOT NULL,
        stop_level REAL, target_level REAL,
        PRIMARY KEY (bar, symbol)) WITHOUT ROWID""",
    """CREATE TABLE orders (
        id TEXT PRIMARY KEY, bar INTEGER NOT NULL, bar_close TEXT NOT NULL, symbol TEXT NOT NULL,
        leg TEXT NOT NULL, side INTEGER NOT NULL, quantity REAL NOT NULL, reason TEXT NOT NULL,
        stop REAL, target REAL, trail REAL, time_limit REAL, level REAL,
        status TEXT NOT NULL, sent INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX orders_status ON orders (status)",
    """CREATE TABLE fills (
        seq INTEGER PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders (id),
        bar INTEGER NOT NULL, bar_close TEXT NOT NULL, symbol TEXT NOT NULL, side INTEGER NOT NULL,
        quantity REAL NOT NULL, price REAL NOT NULL, fee REAL NOT NULL, reason TEXT NOT NULL,
        ambiguous INTEGER NOT NULL, decided INTEGER NOT NULL)""",
    """CREATE TABLE equity (
        bar INTEGER PRIMARY KEY, bar_close TEXT NOT NULL, equity REAL NOT NULL, cash REAL NOT NULL,
        exposure REAL NOT NULL)""",
    # `at` is the wall clock; all other tables are the same however often a run was stopped and continued.
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY, at TEXT NOT NULL, bar INTEGER, bar_close TEXT, kind TEXT NOT NULL,
        symbol TEXT, text TEXT NOT NULL)""",
    """CREATE TABLE snapshot (
        id INTEGER PRIMARY KEY CHECK (id = 1), bar INTEGER NOT NULL, kernels TEXT NOT NULL,
        sha256 TEXT NOT NULL, state BLOB NOT NULL)""",
    # The bars before the first one, as Parquet: of an account alone, whose vendor may revise them. A journal
    # of this version may be older than this table and lack it.
    """CREATE TABLE warmup (
        id INTEGER PRIMARY KEY CHECK (id = 1), sha256 TEXT NOT NULL, bars BLOB NOT NULL)""",
    # What a real broker was sent and told, empty in a replay. One row per order that was ever to be sent,
    # written before it is; `order_id` is that of the order above which it carries out. Amounts are text, as
    # exact as they were told.
    """CREATE TABLE tracked (
        client_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, symbol TEXT NOT NULL, side INTEGER NOT NULL,
        quantity TEXT NOT NULL, purpose TEXT NOT NULL, fields TEXT NOT NULL, state TEXT NOT NULL,
        broker_id TEXT NOT NULL, filled TEXT NOT NULL, average TEXT, sent_at TEXT NOT NULL, seen_at TEXT,
        replaced_by TEXT NOT NULL) WITHOUT ROWID""",
    # `bar` is the bar in which the account has booked it; NULL: not yet.
    """CREATE TABLE executions (
        seq INTEGER PRIMARY KEY, at TEXT NOT NULL, client_id TEXT NOT NULL, symbol TEXT NOT NULL,
        side INTEGER NOT NULL, quantity TEXT NOT NULL, price TEXT NOT NULL, bar INTEGER)""",
    "CREATE TABLE holdings (symbol TEXT PRIMARY KEY, quantity TEXT NOT NULL, average TEXT) WITHOUT ROWID",
    """CREATE TABLE pulse (
        id INTEGER PRIMARY KEY CHECK (id = 1), at TEXT NOT NULL, began TEXT NOT NULL, pid INTEGER NOT NULL,
        host TEXT NOT NULL, mode TEXT NOT NULL, phase TEXT NOT NULL, text TEXT NOT NULL)""",
    _SPLITS,
)

# What makes a journal of an older version one of the next.
UPGRADES: Mapping[int, tuple[str, ...]] = {2: (_SPLITS,)}

INSERT = {
    "meta": "INSERT INTO meta VALUES (?, ?)",
    "bars": "INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "decisions": "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "orders": """INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity, level = excluded.level,
        status = excluded.status, sent = excluded.sent, note = excluded.note""",
    "fills": "INSERT INTO fills VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "equity": "INSERT INTO equity VALUES (?, ?, ?, ?, ?)",
    "events": "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?)",
    "snapshot": "INSERT INTO snapshot VALUES (1, ?, ?, ?, ?)",
    "warmup": "INSERT INTO warmup VALUES (1, ?, ?)",
    "tracked": "INSERT OR REPLACE INTO tracked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "executions": "INSERT INTO executions VALUES (NULL, ?, ?, ?, ?, ?, ?, NULL)",
    "holdings": "INSERT INTO holdings VALUES (?, ?, ?)",
    "splits": "INSERT INTO splits VALUES (?, ?, ?, ?, ?, ?)",
    "pulse": "INSERT OR REPLACE INTO pulse VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
}

ORDERS = {
    "all": "SELECT * FROM orders ORDER BY bar, symbol, leg",
    "open": """SELECT * FROM orders WHERE status IN ('new', 'accepted', 'held', 'working')
        ORDER BY bar, symbol, leg""",
    "unsent": "SELECT * FROM orders WHERE sent = 0 ORDER BY bar, symbol, leg",
}

# A file of its own beside the journal: latches belong to the account and outlive a journal. Amounts are text,
# as exact as they were told.
LIMITS_DDL = (
    """CREATE TABLE IF NOT EXISTS latches (
        name TEXT PRIMARY KEY, at TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS latch_acts (
        seq INTEGER PRIMARY KEY, at TEXT NOT NULL, name TEXT NOT NULL, act TEXT NOT NULL,
        by_whom TEXT NOT NULL, text TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS equity_marks (
        id INTEGER PRIMARY KEY CHECK (id = 1), day TEXT NOT NULL, day_equity TEXT NOT NULL,
        peak_equity TEXT NOT NULL)""",
    # What a run is held to, and the account's equity at the last look: for who watches.
    "CREATE TABLE IF NOT EXISTS rules (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS equity_last (
        id INTEGER PRIMARY KEY CHECK (id = 1), equity TEXT NOT NULL)""",
    # Cash at the last look, and the number of the last execution then; '' as long as that has just changed.
    """CREATE TABLE IF NOT EXISTS cash_last (
        id INTEGER PRIMARY KEY CHECK (id = 1), cash TEXT NOT NULL, executions INTEGER NOT NULL)""",
    # The time at a broker on this machine, which plays old bars; of others there is none: it is ours.
    """CREATE TABLE IF NOT EXISTS clock_last (
        id INTEGER PRIMARY KEY CHECK (id = 1), at TEXT NOT NULL)""",
)
