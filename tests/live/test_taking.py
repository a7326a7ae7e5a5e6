"""Bars that come late or not at all, with the habits that are shipped: nobody waits long for one symbol."""

import random
from datetime import datetime, timedelta

import polars as pl
import pytest

from live.causes import Kind
from live.explained import explain
from live.habits import Habits
from live.journalled import journalled
from live.rows import utc_of
from tests.chaos.market import PAST, SYMBOLS, market
from tests.chaos.process import Process
from tests.fake_alpaca import FakeAlpaca
from tests.live.trading import access

MINUTE = timedelta(minutes=1)
EACH = {"1Min": 1, "5Min": 5}  # minutes
SHIPPED = Habits("paper", "127.0.0.1")
POLL = 5.0  # as the command has it
HEAD = 6  # bars before anything goes wrong


def closed(process):
    """Return the close of the last bar that a process has taken."""
    assert process.engine.last_bar is not None
    return utc_of(process.engine.last_bar)


class Watched:
    """A trader of three symbols with shipped habits; when each bar was taken, and which symbols it had.

    It looks every `poll` seconds, but not in the first seconds after one bar: its number and how many are
    `asleep`.
    """

    def __init__(self, folder, frame, bars, spoil=lambda fake, closes: None, poll=POLL, asleep=(0, 0)):
        each = EACH[frame]
        # Of longer bars the fake makes its own out of minutes.
        self.world = market(random.Random(5), (PAST + bars) * each, daily=False, splits=False)
        every = self.world.bars["bar_close"].unique().sort().to_list()
        ends = [(close, (close - every[0] + MINUTE) % (each * MINUTE)) for close in every]
        closes = [close for close, rest in ends if not rest]
        self.closes = closes[PAST:][: bars + 1]
        start = self.closes[0] + timedelta(seconds=1)
        self.taken: dict[datetime, timedelta] = {}
        with FakeAlpaca(self.world.bars, start=start, calendar=self.world.calendar, seed=1) as fake:
            spoil(fake, self.closes)
            self.fake = fake
            process = Process(access(fake), frame, folder, lambda: fake.now)
            assert (process.habits.settle, process.habits.patience) == (SHIPPED.settle, SHIPPED.patience)
            self.process = process
            begin = self.closes[asleep[0]]
            while fake.now < self.closes[-1]:
                if not begin <= fake.now < begin + timedelta(seconds=asleep[1]):
                    process.trader.tick()
                    self.note()
                fake.advance(seconds=poll)
            self.sent = [order for order in fake.orders() if order.client_order_id.startswith("PP-")]
            self.rows = process.journal.rows
            self.said = journalled(process.journal)
            self.events = self.rows("SELECT kind, symbol, text FROM events ORDER BY seq")
            self.members: dict[datetime, list[str]] = {}
            for close, symbol in self.rows("SELECT bar_close, symbol FROM bars ORDER BY bar, symbol"):
                self.members.setdefault(datetime.fromisoformat(close), []).append(symbol)
            self.decided = dict(self.rows("SELECT id, bar_close FROM orders WHERE leg = 'entry'"))
            process.close()

    def note(self):
        last = closed(self.process)
        self.taken.setdefault(last, self.fake.now - last)

    def told(self, kind):
        return [text for one, _, text in self.events if one == kind]

    def waits(self):
        """How long after its close each bar was taken, in seconds."""
        return [self.taken[close].total_seconds() for close in self.closes[1:-1] if close in self.taken]


def hidden(bars, symbol="AAA"):
    """Hide the bars of a symbol, first and last of them told by their numbers."""
    first, last = bars

    def spoil(fake, closes):
        fake.fault("data", "missing", at=closes[first], until=closes[last], match={"symbol": symbol})

    return spoil


def late(seconds, symbol="AAA"):
    """Let bars of a symbol come so many seconds after their close, by their numbers."""

    def spoil(fake, closes):
        for n, delay in seconds.items():
            until = closes[n] + timedelta(seconds=delay)
            fake.fault("data", "stale", at=closes[n], until=until, match={"symbol": symbol})

    return spoil


@pytest.mark.parametrize(
    ("frame", "gone", "settled", "waited", "poll"), [("1Min", 18, 30, 45, POLL), ("5Min", 6, 30, 165, 15.0)]
)
def test_a_symbol_without_bars_is_waited_for_once_and_the_others_go_on(
    tmp_path, frame, gone, settled, waited, poll
):
    last = HEAD + gone
    run = Watched(tmp_path, frame, last + 4, hidden((HEAD, last - 1)), poll)
    # Every bar is taken, each before the next one closes; one of them after the wait.
    assert list(run.taken) == run.closes[:-1]
    one = run.waits().pop(HEAD - 1)
    assert waited <= one < waited + poll
    assert all(settled <= wait < settled + poll for n, wait in enumerate(run.waits()) if n != HEAD - 1)
    for n, close in enumerate(run.closes[:-1]):
        assert run.members[close] == list(SYMBOLS[1:] if HEAD <= n < last else SYMBOLS), n
    assert (len(run.told("late bar")), len(run.told("no bars"))) == (1, 0)
    assert [(kind, symbol) for kind, symbol, _ in run.events if kind in {"missing bar", "bars again"}] == [
        ("missing bar", "AAA"),
        ("bars again", "AAA"),
    ]
    # What was decided at those bars was done, before the next bar; nothing of it for the symbol without bars.
    length = EACH[frame] * MINUTE
    without: dict[datetime, list[str]] = {close: [] for close in run.closes[HEAD:last]}
    for order in run.sent:
        bar = run.decided.get(order.client_order_id)
        if bar is not None and datetime.fromisoformat(bar) > run.closes[0]:
            close = datetime.fromisoformat(bar)
            assert close + SHIPPED.settle <= order.created_at < close + length
            without.get(close, []).append(order.symbol)
    assert any(without.values())
    assert "AAA" not in {symbol for symbols in without.values() for symbol in symbols}
    # A backtest of the bars that were known decides the same.
    if frame == "1Min":
        missed = (pl.col("symbol") == "AAA") & pl.col("bar_close").is_between(
            *run.closes[HEAD : last : gone - 1]
        )
        explained = explain(run.said, run.world.bars.filter(~missed))
        # The fake fills at the price; costs are reckoned with.
        assert {found.cause.kind for found in explained.found} == {Kind.FILL}
        assert explained.decisions > 20


def test_a_bar_that_was_waited_for_is_still_entered_before_the_next_one(tmp_path):
    run = Watched(tmp_path, "1Min", 10, hidden((7, 7), "BBB"))
    assert 45 <= run.taken[run.closes[7]].total_seconds() < 50
    its = {name for name, bar in run.decided.items() if datetime.fromisoformat(bar) == run.closes[7]}
    assert [order for order in run.sent if order.client_order_id in its]


def test_a_symbol_that_was_too_late_once_is_waited_for_again(tmp_path):
    """Else a vendor that needs a little more than `settle` would lose it for ever after one hiccup."""
    run = Watched(tmp_path, "1Min", 14, late({n: 55 if n == 6 else 41 for n in range(4, 14)}))
    without = [n for n, close in enumerate(run.closes[:-1]) if "AAA" not in run.members[close]]
    assert without == [6]
    assert [n for n, wait in enumerate(run.waits(), 1) if wait >= 46] == [6]
    assert run.told("bars refused") == []


def test_a_symbol_that_is_always_too_late_is_waited_for_ever_more_seldom(tmp_path):
    run = Watched(tmp_path, "1Min", 22, late(dict.fromkeys(range(4, 22), 55)))
    assert list(run.taken) == run.closes[:-1]
    waited = [n for n, wait in enumerate(run.waits(), 1) if wait >= 45]
    assert waited == [4, 5, 7, 11, 19]
    assert len(run.told("missing bar")) == 1


def test_a_bar_that_has_just_closed_waits_for_all_its_symbols(tmp_path):
    """Though the bar before it is taken in its first seconds: the vendor did not answer until then."""

    run = Watched(tmp_path, "1Min", 12, late({6: 70, 7: 20}), asleep=(6, 60))
    assert 60 <= run.taken[run.closes[6]].total_seconds() < 70
    assert run.members[run.closes[6]] == ["BBB", "CCC"]
    assert run.members[run.closes[7]] == list(SYMBOLS)


def test_the_first_bar_of_a_journal_may_be_late(tmp_path):
    run = Watched(tmp_path, "1Min", 10, late({0: 61}))
    assert run.members[run.closes[0]] == ["BBB", "CCC"]
    assert all(run.members[close] == list(SYMBOLS) for close in run.closes[1:-1])
    assert run.told("bars refused") == []


def test_daily_bars_are_waited_for_five_minutes_as_ever(tmp_path):
    world = market(random.Random(5), 6, daily=True, splits=False)
    with FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, seed=1) as fake:
        fake.fault("data", "missing", at=world.closes[0], match={"symbol": "AAA"})
        process = Process(access(fake), "1Day", tmp_path, lambda: fake.now)
        seen = []
        for seconds in (29, 31, 329, 331):
            fake.advance_to(world.closes[0] + timedelta(seconds=seconds))
            process.trader.tick()
            seen.append(closed(process) == world.closes[0])
        late_bars = process.journal.rows("SELECT count(*) FROM events WHERE kind = 'late bar'")
        process.close()
    assert seen == [False, False, False, True]
    assert late_bars == [(1,)]
