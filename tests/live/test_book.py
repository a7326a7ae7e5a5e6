"""Orders through their states, on a run in which all of them occur."""

import sqlite3

import pytest

from live.book import Book
from research.execution import Execution
from tests.live.helpers import query, replayed, request

PARAMS = {"stop_atr": 1.5, "target_atr": 2.0, "trail_atr": 2.0, "time_limit": 15, "allow_short": 1}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return the journal of a run with every kind of exit, shorts, and AAPL's split of 2005."""
    path = tmp_path_factory.mktemp("book") / "run.sqlite"
    asked = request(
        symbols=["AAPL", "IBM", "MSFT"], start="2002-01-02", end="2006-12-29", params=PARAMS,
        execution=Execution(allow_short=True), train_fraction=0.0,
    )  # fmt: skip
    replayed(path, asked)
    return path


def test_all_that_can_happen_does(path):
    assert {row[0] for row in query(path, "SELECT DISTINCT reason FROM fills")} == {
        "entry", "signal", "stop", "trail", "target", "time",
    }  # fmt: skip
    assert {row[0] for row in query(path, "SELECT DISTINCT side FROM fills WHERE reason = 'entry'")} == {
        -1,
        1,
    }


def test_every_fill_belongs_to_an_order_that_it_filled(path):
    rows = query(
        path,
        """SELECT f.reason, o.leg, f.symbol = o.symbol, f.side = o.side, f.decided = o.bar, o.status,
           f.bar > o.bar FROM fills f LEFT JOIN orders o ON o.id = f.order_id""",
    )
    legs = {
        "entry": "entry",
        "signal": "exit",
        "time": "exit",
        "stop": "stop",
        "trail": "stop",
        "target": "target",
    }
    assert rows == [(reason, legs[reason], 1, 1, 1, "filled", 1) for reason, *_ in rows]
    ((fills, distinct),) = query(path, "SELECT count(*), count(DISTINCT order_id) FROM fills")
    ((filled,),) = query(path, "SELECT count(*) FROM orders WHERE status = 'filled'")
    assert fills == distinct == filled > 100


def test_protection_is_born_with_its_entry_and_dies_with_the_position(path):
    db = sqlite3.connect(path)
    trades = db.execute(
        """SELECT e.status, e.side, s.side, t.side, s.status, t.status,
                  (SELECT status FROM orders x WHERE x.symbol = e.symbol AND x.leg = 'exit' AND x.bar > e.bar
                   ORDER BY x.bar LIMIT 1)
           FROM orders e
           LEFT JOIN orders s ON s.bar = e.bar AND s.symbol = e.symbol AND s.leg = 'stop'
           LEFT JOIN orders t ON t.bar = e.bar AND t.symbol = e.symbol AND t.leg = 'target'
           WHERE e.leg = 'entry' ORDER BY e.bar, e.symbol"""
    ).fetchall()
    ((guards,),) = db.execute("SELECT count(*) FROM orders WHERE leg IN ('stop', 'target')").fetchall()
    ends = db.execute("SELECT max(bar) FROM equity").fetchone()[0]
    held = db.execute("SELECT count(*) FROM decisions WHERE bar = ? AND position <> 0", (ends,)).fetchone()[0]
    waiting = db.execute(
        "SELECT count(*) FROM decisions WHERE bar = ? AND intent_reason = 'entry'", (ends,)
    ).fetchone()[0]
    db.close()
    assert guards == 2 * len(trades)
    open_ones = 0
    for entry, side, stop_side, target_side, stop, target, _ in trades:
        assert stop_side == target_side == -side
        if entry == "filled":
            assert (stop, target) in {
                ("filled", "cancelled"), ("cancelled", "filled"),
                ("cancelled", "cancelled"), ("working", "working"),
            }  # fmt: skip
            open_ones += stop == "working"
        else:
            assert entry in {"lapsed", "accepted"}
    assert (open_ones, sum(t[0] == "accepted" for t in trades)) == (held, waiting)


def test_levels_are_those_in_force(path):
    """A filled target filled at its level; a stop's level at its last close was at or beyond its fill."""
    rows = query(
        path,
        """SELECT o.level, f.price FROM fills f JOIN orders o ON o.id = f.order_id
           JOIN bars b ON b.bar = f.bar AND b.symbol = f.symbol
           WHERE f.reason = 'target' AND o.level IS NOT NULL AND f.price <> b.open""",
    )
    assert len(rows) > 5
    assert all(level == price for level, price in rows)


def test_protection_follows_a_split(path):
    """AAPL split 2:1 on 2005-02-28: what is held doubles, and its stop halves."""
    rows = query(
        path,
        """SELECT d.position, d.stop_level, d.target_level FROM decisions d WHERE symbol = 'AAPL'
           AND bar_close BETWEEN '2005-02-25' AND '2005-03-01' ORDER BY bar""",
    )
    assert len(rows) == 2
    (before, stop, target), (after, stop_after, target_after) = rows
    if before:
        assert after == 2 * before
        assert target_after == target / 2
        assert stop_after >= stop / 2


def test_a_fill_that_nobody_ordered_is_no_order_of_ours():
    with pytest.raises(KeyError, match="no open stop order of IBM was decided in bar 3"):
        Book("BT-", "ma_crossover").filled_by("IBM", 3, "trail")
