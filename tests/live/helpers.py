"""What the tests of the live side share: a run, and what a journal says about it."""

import sqlite3
from pathlib import Path

from live.replay import open_replay
from research.data import load_sample
from research.request import Request

# Rows that a stop and a start add; everything else must not know that there was one.
COMINGS_AND_GOINGS = ("continued", "stopped", "interrupted", "finished")
TABLES = ("bars", "decisions", "orders", "fills", "equity", "snapshot")


def request(
    strategy="adaptive_momentum", symbols=("AAPL", "IBM"), start="2006-06-01", end="2007-12-31", **more
):
    """Ask for a short run that trades."""
    return Request(strategy, list(symbols), start, end, **more)


def replayed(path, asked=None, *, most=None, bars=None, **more):
    """Begin or continue a replay, take `most` bars, close, and return how many were taken."""
    replay = open_replay(asked or request(), load_sample() if bars is None else bars, path, **more)
    try:
        return replay.runner.run(most=most)
    finally:
        replay.journal.close()


def content(path: Path) -> dict[str, list[tuple]]:
    """Return every row of a journal but wall clocks and starts and stops."""
    db = sqlite3.connect(path)
    try:
        found = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
        events = db.execute("SELECT bar, bar_close, kind, symbol, text FROM events ORDER BY seq")
        found["events"] = [row for row in events if row[2] not in COMINGS_AND_GOINGS]
        found["meta"] = db.execute("SELECT key, value FROM meta ORDER BY key").fetchall()
        return found
    finally:
        db.close()


def query(path: Path, sql: str) -> list[tuple]:
    """Return the rows of a query on a journal's file."""
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def change(path: Path, *statements: str) -> None:
    """Change a journal's file behind its back."""
    db = sqlite3.connect(path)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()
