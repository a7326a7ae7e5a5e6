"""A journal explained: nothing where nothing differs, and each cause by its name where one is planted."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from live.causes import Kind, sessions_without
from live.explained import explain
from live.journal import Journal
from live.journalled import journalled
from research.data import load_sample
from research.data.sessions import session_closes
from research.errors import BadValue, SnapshotMismatch
from tests.live.helpers import change, query, replayed, request

BARS = load_sample(["AAPL", "IBM"])


def read(path):
    journal = Journal.at(path)
    try:
        return journalled(journal)
    finally:
        journal.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("parity") / "run.sqlite"
    replayed(path, request(start="2006-09-01", end="2007-07-31", train_fraction=0.0))
    return path


@pytest.fixture(scope="module")
def said(path):
    return read(path)


@pytest.fixture
def copied(path, tmp_path):
    other = tmp_path / "copy.sqlite"
    other.write_bytes(path.read_bytes())
    return other


def at(said, row):
    return pl.col("bar_close") == pl.lit(said.panel.bar_close[row]).dt.replace_time_zone("UTC")


def raised(bars, where, name, by):
    return bars.with_columns(pl.when(where).then(pl.col(name) + by).otherwise(pl.col(name)).alias(name))


def kinds(explained):
    return {found.cause.kind: found.decisions for found in explained.found}


def test_an_untouched_journal_agrees(said):
    explained = explain(said, BARS)
    assert explained.decisions == query_count(said)
    assert (explained.different, explained.found, explained.runs) == (0, (), 1)
    assert explained.table.height == 0


def query_count(said):
    return int(said.decided.there.sum())


def test_a_revised_bar_is_named_with_what_changed(said):
    where = at(said, 120) & (pl.col("symbol") == "IBM")
    explained = explain(said, raised(BARS, where, "high", 2.0))
    (found,) = explained.found
    assert found.cause.kind is Kind.REVISED
    assert found.cause.symbol == "IBM"
    assert "high " in found.cause.text
    assert "now" in found.cause.text
    assert found.first == said.panel.bar_close[120]
    assert found.decisions == explained.different > 50
    first = explained.table.filter("first")
    assert first.height == 1
    assert set(explained.table["cause"]) == {"revised bar"}
    assert first["symbol"][0] == "IBM"


def test_two_revised_bars_are_two_causes(said):
    """The first spoils windows of 252 bars; the second, of the same symbol, is found all the same."""
    ibm, aapl = pl.col("symbol") == "IBM", pl.col("symbol") == "AAPL"
    bars = raised(raised(BARS, at(said, 60) & ibm, "high", 2.0), at(said, 160) & ibm, "high", 1.0)
    explained = explain(said, raised(bars, at(said, 200) & aapl, "low", -1.0))
    assert [found.cause.since for found in explained.found] == list(said.panel.bar_close[[60, 160, 200]])
    assert all(found.decisions for found in explained.found)
    assert sum(found.decisions for found in explained.found) >= explained.different
    assert explained.found[1].first == said.panel.bar_close[160]


@pytest.mark.parametrize("whole", [False, True])
def test_a_bar_that_only_one_side_has_is_the_calendars(said, whole):
    gone = at(said, 100) & (pl.lit(whole) | (pl.col("symbol") == "AAPL"))
    explained = explain(said, BARS.filter(~gone))
    (found,) = explained.found
    assert found.cause.kind is Kind.CALENDAR
    assert found.cause.symbol == ("AAPL, IBM" if whole else "AAPL")
    assert found.cause.text.endswith("that is not there now")
    assert explained.table["field"][0] == "decision"


def test_a_journal_that_lacks_a_bar(said, tmp_path):
    gone = at(said, 100) & (pl.col("symbol") == "AAPL")
    path = tmp_path / "run.sqlite"
    replayed(path, request(start="2006-09-01", end="2007-07-31", train_fraction=0.0), bars=BARS.filter(~gone))
    explained = explain(read(path), BARS)
    (found,) = explained.found
    assert found.cause.kind is Kind.CALENDAR
    assert found.cause.text.startswith("the journal has no bar of ")
    assert found.decisions


def test_a_close_at_another_instant_is_one_cause(said):
    moved = pl.col("bar_close") - pl.duration(hours=3)
    bars = BARS.with_columns(bar_close=pl.when(at(said, 100)).then(moved).otherwise(pl.col("bar_close")))
    (found,) = explain(said, bars).found
    assert found.cause.kind is Kind.CALENDAR
    assert "it closes at" in found.cause.text


def test_other_parameters_are_named_one_by_one(said):
    asked = said.asked
    asked = replace(asked, params={**asked.params, "threshold": 0.9}, capital=5e4)
    explained = explain(said, BARS, asked)
    (found,) = explained.found
    assert found.cause.kind is Kind.PARAMETERS
    assert found.cause.text == "threshold 0.5, asked 0.9; capital 100000.0, asked 50000.0"
    assert found.decisions == explained.different > 0


def test_a_setting_that_harms_nothing_is_told_and_blamed_for_nothing(said):
    asked = replace(said.asked, params={**said.asked.params, "time_limit": 5000.0})
    explained = explain(said, BARS, asked)
    assert kinds(explained) == {Kind.PARAMETERS: explained.different}


def test_fewer_bars_before_the_span(tmp_path):
    path = tmp_path / "run.sqlite"
    late = BARS.filter(pl.col("bar_close") >= pl.datetime(2005, 3, 1, time_zone="UTC"))
    replayed(path, request(start="2006-12-01", end="2007-03-31", train_fraction=0.0), bars=late)
    said = read(path)
    explained = explain(said, BARS)
    (found,) = explained.found
    assert found.cause.kind is Kind.WARMUP
    assert found.cause.replaceable
    assert found.cause.text.startswith(f"the run began after {said.first} bars, ")
    assert found.decisions
    # The other way round the journal's bars are not there to be run with; its signals are.
    lost = explain(said, late.filter(pl.col("bar_close") >= pl.datetime(2005, 5, 2, time_zone="UTC")))
    (found,) = lost.found
    assert (found.cause.kind, found.cause.replaceable) == (Kind.WARMUP, False)
    assert found.decisions == lost.different > 0


def test_a_tampered_decision_is_called_unexplained(copied, said):
    """A weight and an intent that nothing gives: both told, and only there."""
    bar = said.first + 50
    change(copied, f"UPDATE decisions SET weight = 0.123 WHERE bar = {bar} AND symbol = 'IBM'")
    wanted = "intent = 7, intent_reason = 'entry'"
    change(copied, f"UPDATE decisions SET {wanted} WHERE bar = {bar + 9} AND symbol = 'IBM'")
    explained = explain(read(copied), BARS)
    assert {found.cause.kind for found in explained.found if found.decisions} == {Kind.UNEXPLAINED}
    rows = explained.table.filter(pl.col("field").is_in(["weight", "intent"]))
    assert rows["journal"].to_list() == ["0.123", "7.0"]
    assert explained.different == 2


def test_a_fill_at_another_price_and_one_that_never_was(copied, said):
    """Both are named with what was simulated in their place."""
    ((seq, bar, symbol),) = query(copied, "SELECT seq, bar, symbol FROM fills WHERE reason = 'entry' LIMIT 1")
    change(copied, f"UPDATE fills SET price = price * 1.01 WHERE seq = {seq}")
    explained = explain(read(copied), BARS)
    (found,) = explained.found
    assert (found.cause.kind, found.cause.symbol) == (Kind.FILL, symbol)
    assert found.cause.since == said.panel.bar_close[bar - said.first]
    assert "bought" in found.cause.text
    change(copied, f"DELETE FROM fills WHERE seq = {seq}")
    (found,) = explain(read(copied), BARS).found
    assert f"{symbol} none, simulated bought" in found.cause.text


def test_bars_that_end_before_the_span_leave_the_journals_own(said):
    before = BARS.filter(pl.col("bar_close") < pl.datetime(2006, 9, 1, time_zone="UTC"))
    explained = explain(said, before, exchange=None)
    assert explained.different == 0
    assert "own bars were taken, none of its span were given" in explained.notes[0]


def test_sessions_that_no_bar_is_held_against():
    days = np.arange(np.datetime64("2012-11-19"), np.datetime64("2012-12-01"))
    closes = session_closes(days)
    closes = closes[~np.isnat(closes)]
    assert sessions_without(closes, "XNYS") == []
    odd = closes.copy()
    odd[3] += np.timedelta64(3, "h")  # a half day, the 23rd, taken for a whole one
    told = [cause.text for cause in sessions_without(odd, "XNYS")]
    assert told == [
        "the journal has no bar of the session that closed at 2012-11-23T18:00:00Z",
        "the journal has a bar of 2012-11-23T21:00:00Z when no session closed",
    ]
    assert sessions_without(odd, None) == []


def test_damage_is_refused_in_one_line(copied):
    change(copied, "UPDATE snapshot SET sha256 = 'x'")
    with pytest.raises(SnapshotMismatch, match="damaged"):
        read(copied)


def test_a_journal_without_a_bar_cannot_be_compared(tmp_path):
    path = tmp_path / "run.sqlite"
    replayed(path, request(start="2007-09-01", end="2007-09-30", train_fraction=0.0), most=0)
    with pytest.raises(BadValue, match="holds none; run it first"):
        read(path)


def test_settings_that_cannot_be_read_are_refused_in_one_line(copied):
    change(copied, "UPDATE meta SET value = '{}' WHERE key = 'settings'")
    with pytest.raises(SnapshotMismatch, match=r"its settings cannot be read: KeyError"):
        read(copied)


def test_cash_or_shares_that_came_without_a_fill_are_told(copied, said):
    """A dividend that nobody foresaw, and shares that somebody else bought."""
    bar = said.first + 30
    change(copied, f"UPDATE equity SET cash = cash + 12.5, equity = equity + 12.5 WHERE bar = {bar}")
    (first, *_) = explain(read(copied), BARS).found
    assert first.cause.kind is Kind.FILL
    assert first.cause.text.startswith("cash ")
    assert " USD without a fill, simulated " in first.cause.text
    assert first.cause.since == said.panel.bar_close[30]
    flat = "position = 0 AND symbol = 'IBM'"
    ((bar,),) = query(copied, f"SELECT min(bar) FROM decisions WHERE {flat} AND bar > {bar}")
    change(copied, f"UPDATE decisions SET position = 7 WHERE bar = {bar} AND symbol = 'IBM'")
    told = [found.cause for found in explain(read(copied), BARS).found]
    assert any("IBM position 7 without a fill, simulated 0" in cause.text for cause in told)


def test_corrected_bars_that_were_told_are_noted(copied):
    change(copied, "INSERT INTO events VALUES (NULL, '', 5, '', 'corrected bar', 'IBM', 'close 1, now 2')")
    explained = explain(read(copied), BARS)
    assert explained.notes[0].startswith("bars corrected after they were decided on: 1 (events)")
