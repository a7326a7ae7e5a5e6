"""Latches: what was hit stays hit, across processes and kills, until it is reset by name."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.limits import KILL, Latch, Limits, Marks
from live.risk import Blocked, Door
from research.errors import BadValue, OutputError, UnknownName
from tests.live.risk_helpers import ENTRY, RULES, WORLD, D

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
LOSS = Blocked("daily loss", "loss of the day must be ≤ 2%", "3%", "reset it by hand", latches=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "limits.sqlite"


def test_a_new_file_has_nothing_latched(path):
    with Limits.at(str(path)) as limits:
        assert limits.latched() == {}
        assert limits.acts() == []
        assert not limits.killed


def test_a_latch_survives_and_keeps_what_was_said_first(path):
    with Limits.at(path) as limits:
        limits.latch("drawdown", "first", NOON)
        limits.latch("drawdown", "second", LATER)
    with Limits.at(path) as limits:
        assert limits.latched() == {"drawdown": Latch("drawdown", "2026-11-20T12:00:00.000000Z", "first")}
        assert limits.acts() == [("2026-11-20T12:00:00.000000Z", "drawdown", "latched", "", "first")]


def test_only_what_latches_is_taken(path):
    with Limits.at(path) as limits:
        limits.take([Blocked("stale bar", "r", "v", "m"), LOSS], NOON)
        assert [(n, x.text) for n, x in limits.latched().items()] == [
            ("daily loss", "loss of the day must be ≤ 2%, was 3%")
        ]


def test_the_door_reads_what_was_latched(path):
    door, world = Door(RULES), replace(WORLD, equity=D(97000))
    with Limits.at(path) as limits:
        limits.take(door.standing(world), NOON)
        context = replace(WORLD, latched={n: x.text for n, x in limits.latched().items()})
    said = door.check(ENTRY, context)  # the equity is back, the latch is not
    assert isinstance(said, Blocked)
    assert said.check == "latched limit"


def test_the_kill_switch(path):
    with Limits.at(path) as limits, Limits.at(path) as other:
        limits.latch(KILL, "by hand", NOON)
        assert other.killed
        assert KILL == "kill switch"
        other.reset(KILL, by="me", why="done", at=LATER)
        assert not limits.killed


def test_a_reset_is_of_one_and_is_kept(path):
    with Limits.at(path) as limits:
        limits.latch("b", "y", NOON)
        limits.latch("a", "x", NOON)
        assert list(limits.latched()) == ["a", "b"]
        limits.reset("a", by="me", why="known", at=LATER.astimezone(timezone(timedelta(hours=-5))))
        assert list(limits.latched()) == ["b"]
        assert limits.acts()[-1] == ("2026-11-20T13:00:00.000000Z", "a", "reset", "me", "known")
        limits.latch("a", "again", LATER)
        assert limits.latched()["a"].text == "again"


def test_a_reset_of_what_is_not_latched_is_refused(path):
    with Limits.at(path) as limits:
        limits.latch("drawdown", "x", NOON)
        with pytest.raises(UnknownName, match="unknown latched limit 'drawdwn'; did you mean 'drawdown'"):
            limits.reset("drawdwn", by="me", why="y", at=NOON)


@pytest.mark.parametrize(("by", "why"), [("", "y"), (" ", "y"), ("me", ""), ("me", " ")])
def test_a_reset_needs_a_name_and_a_reason(path, by, why):
    with Limits.at(path) as limits:
        limits.latch("a", "x", NOON)
        with pytest.raises(BadValue, match=r"resetting 'a' must name who and why, was .*; name both"):
            limits.reset("a", by=by, why=why, at=NOON)
        assert list(limits.latched()) == ["a"]


def test_an_instant_needs_a_time_zone(path):
    with Limits.at(path) as limits, pytest.raises(BadValue, match="must have a time zone, was 2026"):
        limits.latch("a", "x", NOON.replace(tzinfo=None))


# --- marks ------------------------------------------------------------------------------------------


def test_marks(path):
    with Limits.at(path) as limits:
        assert limits.mark("2026-11-19", D("100.10")) == Marks("2026-11-19", D("100.10"), D("100.10"))
        assert limits.mark("2026-11-19", D(120)) == Marks("2026-11-19", D("100.10"), D(120))
        assert limits.mark("2026-11-19", D(110)) == Marks("2026-11-19", D("100.10"), D(120))
    with Limits.at(path) as limits:  # what was lost since the last look is the new day's
        assert limits.mark("2026-11-20", D(90)) == Marks("2026-11-20", D(110), D(120))
    with Limits.at(path) as limits:
        assert limits.mark("2026-11-20", D(95)) == Marks("2026-11-20", D(110), D(120))
        assert limits.mark("2026-11-18", D(50)) == Marks("2026-11-20", D(110), D(120))  # a clock set back


@pytest.mark.parametrize(("noted", "close", "first", "begins"), [
    (None, None, 70, 70), (None, 90, 70, 90), (None, 60, 70, 70),
    (80, None, 70, 80), (80, 90, 70, 90), (80, 75, 70, 80), (80, 75, 95, 95), (60, 50, 70, 70),
])  # fmt: skip
def test_a_day_begins_with_the_most_that_is_known(path, noted, close, first, begins):
    with Limits.at(path) as limits:
        if noted is not None:
            limits.mark("2026-11-19", D(noted))
        marks = limits.mark("2026-11-20", D(first), None if close is None else D(close))
        assert (marks.day, marks.day_equity) == ("2026-11-20", begins)
        assert limits.mark("2026-11-20", D(1), D(1000)).day_equity == begins  # once a day


def test_cash_that_no_execution_explains(path):
    with Limits.at(path) as limits:
        assert limits.moved(D(100), 3) == 0
        assert limits.moved(D(100), 3) == 0
        assert limits.moved(D("88.5"), 3) == D("-11.5")  # withdrawn
    with Limits.at(path) as limits:
        assert limits.moved(D(90), 3) == D("1.5")
        assert limits.moved(D(90), 4) == 0  # it was executed; cash was read before
        assert limits.moved(D(40), 4) == 0
        assert limits.moved(D(40), 4) == 0
        assert limits.moved(D(60), 4) == 20  # paid in


@pytest.mark.parametrize("equity", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_an_equity_that_is_none_is_refused(path, equity):
    with (
        Limits.at(path) as limits,
        pytest.raises(BadValue, match=rf"equity must be a number > 0, was {equity}"),
    ):
        limits.mark("2026-11-20", equity)


def test_a_loss_that_is_forgiven_is_measured_anew(path):
    with Limits.at(path) as limits:
        limits.mark("2026-11-20", D(100))
        for name in ("daily loss", "drawdown", "other"):
            limits.latch(name, "x", NOON)
        limits.reset("other", by="me", why="y", at=NOON)
        assert limits.mark("2026-11-20", D(80)) == Marks("2026-11-20", D(100), D(100))
        limits.reset("daily loss", by="me", why="y", at=NOON)
        assert limits.mark("2026-11-20", D(70)) == Marks("2026-11-20", D(70), D(100))
        limits.reset("drawdown", by="me", why="y", at=NOON)
        assert limits.mark("2026-11-20", D(60)) == Marks("2026-11-20", D(70), D(60))
        limits.latch("daily loss", "x", NOON)
        limits.reset("daily loss", by="me", why="y", at=NOON)
        assert limits.mark("2026-11-23", D(55), D(90)) == Marks("2026-11-23", D(55), D(60))
        assert limits.mark("2026-11-24", D(50), D(52)) == Marks("2026-11-24", D(55), D(60))


# --- faults -----------------------------------------------------------------------------------------


def test_a_file_that_is_no_database(path):
    path.write_text("not a database, but long enough to look like one " * 50)
    with pytest.raises(
        OutputError, match=rf"limits {path} cannot be read or written \(file is not a database\)"
    ):
        Limits.at(path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="unable to open database file"):
        Limits.at(tmp_path / "none" / "limits.sqlite")


def test_a_file_that_another_program_keeps(path):
    with Limits.at(path) as limits:
        limits._db.execute("PRAGMA busy_timeout = 1")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OutputError, match="no order is sent until they can be"):
            limits.latch("a", "x", NOON)
        with pytest.raises(OutputError, match="database is locked"):
            limits.latched()
        other.close()
        limits.latch("a", "x", NOON)
        assert list(limits.latched()) == ["a"]


def test_a_table_of_another_make_leaves_nothing_half_done(path):
    with Limits.at(path) as limits:
        limits._db.execute("DROP TABLE latch_acts")
        with pytest.raises(OutputError, match="no such table"):
            limits.latch("a", "x", NOON)
        assert limits.latched() == {}


def test_a_closed_file(path):
    limits = Limits.at(path)
    limits.close()
    with pytest.raises(OutputError, match="closed"):
        limits.latched()
    with pytest.raises(OutputError, match="closed"):
        limits.latch("a", "x", NOON)


def test_what_is_latched_survives_a_kill(path):
    """A process that is killed right after it latched has latched."""
    code = (
        "import os, signal, sys; from datetime import UTC, datetime; from live.limits import Limits\n"
        "limits = Limits.at(sys.argv[1]); limits.latch('drawdown', 'x', datetime.now(UTC))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=dict(os.environ), check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    with Limits.at(path) as limits:
        assert list(limits.latched()) == ["drawdown"]


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 1000)), max_size=12))
def test_marks_against_a_plain_memory(tmp_path_factory, notes):
    path = tmp_path_factory.mktemp("marks") / "limits.sqlite"
    day, start, peak, last = 0, 0, 0, 0
    for today, equity in notes:
        with Limits.at(path) as limits:
            found = limits.mark(f"2026-11-{today:02}", Decimal(equity))
        if today > day:
            day, start = today, max(equity, last)
        peak, last = max(peak, equity), equity
        assert found == Marks(f"2026-11-{day:02}", Decimal(start), Decimal(peak))
