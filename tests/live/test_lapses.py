"""Entries whose open has passed, at minute bars: halted, overtaken by their cancel, too near to the close."""

import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from live.findings import Act
from live.lapses import queues
from live.schedule import LENGTHS, Hours, Schedule
from tests.chaos.market import market
from tests.chaos.process import Process
from tests.fake_alpaca import FakeAlpaca
from tests.live.trading import access

WORLD = market(random.Random(5), 40, daily=False, splits=False)
# Undisturbed, AAA is entered with 200 shares after this close, and with 209 four minutes later.
FIRST = datetime(2021, 3, 2, 15, 18, tzinfo=UTC)
NEXT = FIRST + timedelta(minutes=4)


class Minutes:
    """A trader of minute bars, taken from close to close."""

    def __init__(self, folder, drift):
        self.fake = FakeAlpaca(WORLD.bars, start=WORLD.start, calendar=WORLD.calendar)
        soon = timedelta(seconds=2)  # the looks below come 3 s after a close
        self.process = Process(access(self.fake), WORLD.timeframe, folder, drift=drift, settle=soon)

    def until(self, close, *, last=3, times=2):
        """Look twice after each close up to one, that included; after that, `last` seconds later."""
        for at in [at for at in WORLD.closes if self.fake.now < at <= close]:
            self.fake.advance_to(at + timedelta(seconds=last if at == close else 3))
            for _ in range(times):
                self.process.trader.tick()

    def halt(self, symbol="AAA", minutes=300.0):
        self.fake.fault("market", "halt", symbol=symbol, until=self.fake.now + timedelta(minutes=minutes))

    def resume(self, symbol="AAA"):
        """End the halt and trade at the last price."""
        del self.fake.exchange.halts[symbol]
        self.fake.tick(symbol, self.fake.exchange.account.marks[symbol])

    def orders(self, symbol="AAA"):
        found = [o for o in self.fake.orders() if o.symbol == symbol and o.parent is None]
        return [(o.side, o.type, o.qty, o.filled_qty, o.status) for o in found]

    def told(self, kind, symbol="AAA"):
        query = "SELECT text FROM events WHERE kind = ? AND symbol = ? ORDER BY seq"
        return [text for (text,) in self.process.journal.rows(query, kind, symbol)]

    def wishes(self):
        query = (
            "SELECT status, quantity, note FROM orders WHERE symbol = 'AAA' AND leg = 'entry' ORDER BY bar"
        )
        return self.process.journal.rows(query)

    @property
    def held(self):
        return self.fake.positions().get("AAA", 0.0), self.process.held()["AAA"]


@contextmanager
def minutes(folder, drift=Act.HALT):
    it = Minutes(folder, drift)
    try:
        yield it
    finally:
        it.process.close()
        it.fake.stop()


@contextmanager
def executing(it, *pieces, symbol="AAA"):
    """Let an open entry execute pieces, each after the orders and before the positions are read; 0 none."""
    account, left = it.process.trader._world._account, list(pieces)
    positions = account.positions

    def later():
        shares = left.pop(0) if left else 0
        if shares:
            with it.fake.lock:
                (order,) = [o for o in it.fake.orders() if o.symbol == symbol and o.open]
                it.fake.exchange.fill(order, it.fake.exchange.account.marks[symbol], shares)
        return positions()

    account.positions = later
    try:
        yield
    finally:
        account.positions = positions
    assert not left


BOUGHT, GONE = ("buy", "market", 200.0, 200.0, "filled"), ("buy", "market", 200.0, 0.0, "canceled")


def test_an_entry_that_fills_is_left_alone_and_protected(tmp_path):
    with minutes(tmp_path) as it:
        it.until(FIRST)
        assert it.orders()[0] == BOUGHT
        assert [order[1] for order in it.orders()[1:]] == ["limit"]
        assert it.told("lapsing") == it.told("late entry") == it.told("blocked") == []


def test_an_entry_that_is_halted_is_cancelled_and_buys_nothing_later(tmp_path):
    with minutes(tmp_path) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        assert it.orders() == [("buy", "market", 200.0, 0.0, "new")]
        it.until(FIRST + timedelta(minutes=1))
        assert it.orders() == [GONE]
        assert len(it.told("lapsing")) == 1
        it.resume()
        it.until(FIRST + timedelta(minutes=2))
        assert it.held == (0.0, 0.0)
        it.until(NEXT)  # and the next is entered as if nothing had been
        assert it.orders()[1][:4] == ("buy", "market", 209.0, 209.0)
        assert it.held[0] == 209.0
        assert [order[2] for order in it.orders()[2:]] == [209.0]  # protected


def test_an_entry_is_cancelled_when_its_bar_is_over_though_the_next_has_not_come(tmp_path):
    with minutes(tmp_path) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        it.fake.fault("data", "stale", at=FIRST + timedelta(seconds=30))
        it.until(FIRST + timedelta(minutes=3))
        assert it.wishes()[0][0] == "accepted"
        assert it.orders() == [GONE]


@pytest.mark.parametrize("drift", [Act.HALT, Act.ADOPT, Act.FLATTEN])
def test_an_entry_that_overtakes_its_cancel_is_closed(tmp_path, drift):
    with minutes(tmp_path, drift) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        it.fake.fault("DELETE /v2/orders/*", "fill_first")
        it.until(FIRST + timedelta(minutes=1))
        it.resume()
        for _ in range(3):
            it.process.trader.tick()
        assert it.orders() == [BOUGHT, ("sell", "market", 200.0, 200.0, "filled")]
        assert len(it.told("late entry")) == 1
        assert it.told("flat") == ["what a lapsed entry had executed is closed"]
        it.until(FIRST + timedelta(minutes=3))
        assert it.held == (0.0, 0.0)
        assert it.wishes()[0][0] == "lapsed"
        # What it cost is in the engine's account too.
        (equity,) = it.process.journal.rows("SELECT equity FROM equity ORDER BY bar DESC LIMIT 1")
        assert equity[0] == pytest.approx(it.fake.exchange.account.equity, abs=0.01)


def test_after_a_restart_too(tmp_path):
    with minutes(tmp_path) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        it.fake.fault("DELETE /v2/orders/*", "fill_first")
        it.until(FIRST + timedelta(minutes=1), times=1)  # cancelled, it has executed meanwhile
        assert it.fake.positions()["AAA"] == 200.0
        it.resume()
        it.process.again()
        it.until(FIRST + timedelta(minutes=3))  # the first look takes a bar, which books those shares
        assert it.orders() == [BOUGHT, ("sell", "market", 200.0, 200.0, "filled")]
        assert it.held == (0.0, 0.0)


def test_no_entry_is_sent_beside_an_older_one(tmp_path):
    with minutes(tmp_path) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        refusing = it.fake.fault("DELETE /v2/orders/*", "503", times=0)
        it.until(NEXT)
        assert it.orders() == [("buy", "market", 200.0, 0.0, "new")]
        (blocked,) = it.told("blocked")
        assert "blocked by older entry: AAA must have no older entry open" in blocked
        it.resume()  # the old one executes, as late as that
        it.fake.script.faults.remove(refusing)
        for _ in range(4):
            it.process.trader.tick()
        # It is closed first; then the next may be entered, of the shares that were wanted.
        assert it.orders()[:2] == [BOUGHT, ("sell", "market", 200.0, 200.0, "filled")]
        assert it.orders()[2] == ("buy", "market", 209.0, 209.0, "filled")
        assert it.fake.positions()["AAA"] == 209.0
        it.until(NEXT + timedelta(minutes=1))
        assert it.held == (209.0, 209.0)
        assert [status for status, *_ in it.wishes()][:2] == ["lapsed", "filled"]


def test_no_entry_is_sent_beside_shares_that_are_not_booked(tmp_path):
    with minutes(tmp_path, Act.ADOPT) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.fake.advance_to(FIRST + timedelta(seconds=1))
        it.fake.trade_by_hand("AAA", 3.0)
        it.fake.advance(seconds=2)
        it.process.trader.tick()
        assert it.orders() == [("buy", "market", 3.0, 3.0, "filled")]  # that by hand
        assert "unbooked shares: AAA must be flat before an entry, was 3" in it.told("blocked")[0]
        assert it.wishes()[0][2].startswith("blocked: unbooked shares")


def test_the_fill_of_an_older_entry_is_not_taken_for_that_of_the_next(tmp_path):
    with minutes(tmp_path) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        it.fake.fault("DELETE /v2/orders/*", "503", times=0)
        it.until(NEXT)
        it.fake.advance_to(NEXT + timedelta(seconds=30))
        it.resume()
        it.until(NEXT + timedelta(minutes=1))
        assert [status for status, *_ in it.wishes()][:2] == ["lapsed", "lapsed"]
        fills = it.process.journal.rows("SELECT reason FROM fills WHERE symbol = 'AAA'")
        assert fills == []
        it.until(NEXT + timedelta(minutes=3))
        assert it.orders()[:2] == [BOUGHT, ("sell", "market", 200.0, 200.0, "filled")]
        (equity,) = it.process.journal.rows("SELECT equity FROM equity ORDER BY bar DESC LIMIT 1")
        assert equity[0] == pytest.approx(it.fake.exchange.account.equity, abs=0.01)


CLOSE = datetime(2021, 3, 2, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "found"), [(-60, False), (-21, False), (-20, True), (-1, True), (0, True), (3, True)]
)
def test_an_order_for_the_day_may_come_too_late(seconds, found):
    day = timedelta(days=1)
    today = Hours(CLOSE - timedelta(hours=6.5), CLOSE)
    schedule = Schedule([today, Hours(today.open + day, today.close + day)], LENGTHS["1Min"])
    assert queues(schedule, CLOSE + timedelta(seconds=seconds)) is found


@pytest.mark.parametrize(("seconds", "sent"), [(3, True), (45, False)])
def test_nothing_is_sent_that_might_wait_for_tomorrow(tmp_path, seconds, sent):
    with minutes(tmp_path) as it:
        # An unscheduled day that ends a minute after the close at which AAA is wanted.
        ends = (FIRST + timedelta(minutes=1)).strftime("%H:%M")
        assert ends == "15:19"
        it.fake.fault("market", "hours", date="2021-03-02", open="09:30", close="10:19")
        it.until(FIRST, last=seconds)
        assert bool(it.orders()) is sent
        assert bool(it.told("late")) is not sent
        assert Decimal(str(it.fake.positions().get("AAA", 0.0))) == (200 if sent else 0)


@pytest.mark.parametrize("drift", [Act.ADOPT, Act.FLATTEN])
@pytest.mark.parametrize(("ended", "pieces"), [(True, (0, 200)), (False, (60, 60, 80))])
def test_an_entry_that_executes_between_the_answers_of_both_readings_is_kept(tmp_path, drift, ended, pieces):
    with minutes(tmp_path, drift) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        if ended:  # another symbol's order is gone, so that all is read twice
            other = next(o for o in it.fake.orders() if o.open and o.symbol == "BBB" and o.parent is None)
            with it.fake.lock:
                it.fake.exchange.cancel(other)
        del it.fake.exchange.halts["AAA"]
        with executing(it, *pieces):
            for _ in range(3):
                it.process.trader.tick()
                it.fake.advance(seconds=2)
        it.process.trader.tick()
        assert it.held == (200.0, 0.0)  # the engine takes it with its bar
        assert it.orders()[0] == BOUGHT
        assert [(side, kind, shares) for side, kind, shares, *_ in it.orders()[1:]] == [
            ("sell", "limit", 200.0)
        ]
        assert all(text.endswith("an open order may explain it (ask)") for text in it.told("quantity"))
        it.until(FIRST + timedelta(minutes=1))
        assert it.held == (200.0, 200.0)


@pytest.mark.parametrize("drift", [Act.HALT, Act.FLATTEN])
def test_a_trade_by_hand_beside_an_open_order_is_acted_upon_at_the_same_look(tmp_path, drift):
    with minutes(tmp_path, drift) as it:
        it.until(FIRST - timedelta(minutes=1))
        it.halt()
        it.until(FIRST)
        it.fake.trade_by_hand("AAA", 30.0)  # its order for 200 has executed none
        it.process.trader.tick()
        assert it.told("quantity") == [f"AAA: 0 shares were held, the broker has 30 ({drift})"]
        assert (it.process.tracks.to_close("AAA") is not None) is (drift is Act.FLATTEN)
