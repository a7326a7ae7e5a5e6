"""What the tests of status and watchdog share: journals written by hand, row by row."""

import json
import os
import platform
import sqlite3
from datetime import UTC, datetime, timedelta

from live.journal import Journal
from live.rows import Event
from live.schema import INSERT
from live.tracks import utc_text

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
LAST = datetime(2026, 11, 19, 21, 0, tzinfo=UTC)
FREE = 99_999_999  # more than the system gives: no such process


def begin(path, mode="paper", symbols=("AAA", "BBB"), events=(), **meta):
    """Begin a journal of a run that decides on some symbols."""
    settings = {"mode": mode, "strategy": "adaptive_momentum", "symbols": list(symbols)}
    journal = Journal.at(path)
    journal.begin(settings, -1, "kernels", b"state", [Event("begun", "a run"), *events], **meta)
    journal.close()
    return path


def write(path, table, *rows):
    """Write rows of a table, as its INSERT takes them."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    with db:
        db.executemany(INSERT[table], rows)
    db.close()


def change(path, statement, *values):
    db = sqlite3.connect(path)
    with db:
        db.execute(statement, values)
    db.close()


def bar(path, n, when, equity=100_000.0, **symbols):
    """Write one bar: for each symbol a dict of close, gate, held, intent, reason, stop, target."""
    text = utc_text(when)
    for symbol, told in symbols.items():
        d = {
            "close": 100.0,
            "gate": "",
            "held": 0.0,
            "intent": 0.0,
            "reason": "",
            "stop": None,
            "target": None,
        }
        d |= told
        write(path, "bars", (n, text, symbol, *[d["close"]] * 4, 1e6, 1.0, d.get("split", 1.0), 0.0))
        write(
            path, "decisions",
            (n, text, symbol, "{}", 0, 0, None, None, None, None, None,
             d["gate"], d["held"], d["intent"], d["reason"], d["stop"], d["target"]),
        )  # fmt: skip
    write(path, "equity", (n, text, equity, equity, 0.0))


def tracked(path, name, symbol="AAA", side=1, quantity="10", purpose="enter", state="live", **more):
    """Write one order at the broker."""
    row = {"fields": {}, "filled": "0", "average": None, "sent_at": NOW, "order_id": "PP-wish"} | more
    fields = row["fields"] if isinstance(row["fields"], str) else json.dumps(row["fields"])
    sent = row["sent_at"] if isinstance(row["sent_at"], str) else utc_text(row["sent_at"])
    write(
        path, "tracked",
        (name, row["order_id"], symbol, side, quantity, purpose, fields, state, "id", row["filled"],
         row["average"], sent, None, ""),
    )  # fmt: skip


def oco(path, name="PP-oco", symbol="AAA", quantity="10", stop="95", target="120", **more):
    """Write the pair that protects a long position, and the leg that the broker made of it."""
    levels = {"stop_loss": {"stop_price": stop}, "take_profit": {"limit_price": target}}
    tracked(path, name, symbol, -1, quantity, "protect", fields=levels | {"type": "limit"}, **more)
    leg = {"parent": name, "type": "stop", "stop_price": stop}
    tracked(path, f"{name}-leg", symbol, -1, quantity, "protect", "held", fields=leg)


def beat(path, at=NOW, pid=None, phase="trading", text="", host=None, began=NOW - timedelta(hours=3)):
    """Write a heartbeat; by default of this very process."""
    said = (pid or os.getpid(), platform.node() if host is None else host)
    write(
        path,
        "pulse",
        (at if isinstance(at, str) else utc_text(at), utc_text(began), *said, "paper", phase, text),
    )


def healthy(path, **meta):
    """Write a run that holds ten protected shares of AAA and was blocked in BBB."""
    begin(path, **meta)
    bar(path, 0, LAST - timedelta(days=1), AAA={"intent": 10.0, "reason": "entry"}, BBB={"gate": "score"})
    bar(
        path, 1, LAST,
        AAA={"close": 104.0, "held": 10.0, "stop": 95.004, "target": 119.996},
        BBB={"close": 50.0, "gate": "trend"},
    )  # fmt: skip
    write(path, "holdings", ("AAA", "10", "100.5"))
    tracked(path, "PP-entry", state="filled", filled="10", average="100.5", sent_at=LAST + timedelta(hours=5))
    write(
        path, "orders",
        ("PP-wish", 0, utc_text(LAST), "AAA", "entry", 1, 10.0, "entry", None, None, None, None, None,
         "filled", 1, ""),
    )  # fmt: skip
    write(path, "fills", ("PP-wish", 1, utc_text(LAST), "AAA", 1, 10.0, 100.5, 0.1, "entry", 0, 0))
    oco(path)
    beat(path)
    return path
