"""Losses that nobody looked at when they were made, and money that went without a trade."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from live.account_payloads import AccountFacts
from live.limits import Limits
from live.losses import Losses
from live.risk import Blocked
from tests.live.crossing import story
from tests.live.trading import FREE

D = Decimal
ONE_PERCENT = replace(FREE, daily_loss=D("0.01"))
# 173 shares, bought at 115: 115.5 at the first close; then a gap below the stop, which fills at 100: 2.7 %.
GAP = {1: (115, 116, 114.5, 115.5), 2: (100, 101, 99, 100)}
CALM = {1: (115, 116, 114.5, 115.5), 2: (115, 116, 114.5, 115)}


def always(it):
    it.floor.tick(it.entry.close + timedelta(minutes=1))
    it.floor.tick(it.later[0].open + timedelta(minutes=5), times=3)


def down_overnight(it):
    it.floor.tick(it.entry.close - timedelta(minutes=30))
    it.floor.close()
    it.fake.advance_to(it.later[0].open + timedelta(minutes=5))
    it.floor.trader = it.floor.open()
    it.floor.tick(times=3)


def once_an_evening(it):
    for session in (it.entry, it.later[0]):
        it.floor.tick(session.close + timedelta(hours=4))
        it.floor.reopen()


@pytest.mark.parametrize("lives", [always, down_overnight, once_an_evening])
@pytest.mark.parametrize(("after", "latched"), [(GAP, ["daily loss"]), (CALM, [])], ids=["gap", "calm"])
def test_a_gap_latches_whoever_looked_when(tmp_path, lives, after, latched):
    with story(tmp_path, after=after, rules=ONE_PERCENT) as it:
        it.enter()
        lives(it)
        assert list(it.floor.limits.latched()) == latched
        assert it.told("cash moved") == []


def test_a_loss_that_is_forgiven_is_measured_from_now(tmp_path):
    with story(tmp_path, after=GAP, rules=ONE_PERCENT) as it:
        it.enter()
        once_an_evening(it)
        it.floor.limits.reset("daily loss", by="jane", why="known", at=datetime.now(UTC))
        it.floor.tick(it.fake.now + timedelta(minutes=5))
        it.floor.tick(it.later[1].open + timedelta(minutes=5), times=2)
        assert list(it.floor.limits.latched()) == []


def test_a_withdrawal_latches_and_is_told_as_one(tmp_path):
    with story(tmp_path, after=CALM, rules=ONE_PERCENT) as it:
        it.enter()
        it.floor.tick(it.entry.close - timedelta(minutes=30))
        it.fake.exchange.account.cash -= 5000.0
        it.floor.tick(it.later[0].open + timedelta(minutes=5))
        (said,) = it.told("cash moved")
        assert said.startswith("cash fell by 5000")
        assert "of which no execution tells" in it.floor.limits.latched()["daily loss"].text


# --- look by look ------------------------------------------------------------------------------

DAY = "2026-11-20"  # a Friday
EVENING = datetime(2026, 11, 20, 1, tzinfo=UTC)  # eight in the evening before, in New York
MORNING = datetime(2026, 11, 20, 14, tzinfo=UTC)


@pytest.fixture
def losses(tmp_path):
    told = []
    no_executions = SimpleNamespace(rows=lambda query: [(0,)])

    def tell(kind, text, symbol="", about=""):
        told.append((kind, text))

    with Limits.at(tmp_path / "limits.sqlite") as limits:
        yield Losses(limits, cast(Any, no_executions), tell), told


def facts(equity, close=None, cash=None):
    worth, before, money = (None if x is None else D(x) for x in (equity, close, cash))
    return AccountFacts(worth, None, True, (), before, money)


def test_the_last_close_counts_in_the_morning(losses):
    made, told = losses
    made.note(facts(90, close=100), DAY, MORNING)
    assert (made.marks.day_equity, told) == (100, [])


def test_the_evening_before_it_may_be_that_before_the_last(losses):
    made, told = losses
    made.note(facts(90, close=100), DAY, EVENING)
    made.note(facts(91, close=90), DAY, MORNING)
    assert (made.marks.day_equity, told) == (90, [])


@pytest.mark.parametrize("close", [None, 0, -5])
def test_a_close_that_is_not_said_is_told(losses, close):
    made, told = losses
    made.note(facts(95), "2026-11-19", MORNING - timedelta(days=1, hours=2))
    told.clear()
    made.note(facts(90, close=close), DAY, MORNING)
    assert made.marks.day_equity == 95
    ((kind, text),) = told
    assert kind == "last equity"
    assert text.endswith("the day's loss is measured from 95 USD, the most that is known here")
    made.note(facts(90, close=close), DAY, MORNING)
    assert len(told) == 1


@pytest.mark.parametrize("equity", [None, 0, -1])
def test_equity_that_is_not_said_leaves_the_marks(losses, equity):
    made, told = losses
    made.note(facts(equity, close=100), DAY, MORNING)
    assert (made.marks, told) == (None, [])
    made.note(facts(90, close=100), DAY, MORNING)
    made.note(facts(equity, close=100), DAY, MORNING)
    assert made.marks.day_equity == 100


def test_what_went_without_a_trade_stands_beside_the_loss(losses):
    made, told = losses
    hit = Blocked("daily loss", "r", "5%", "m", latches=True)
    for cash in (500, "499.95"):
        made.note(facts(1000, 1000, cash), DAY, MORNING)
    assert (told, made.said([hit])) == ([], [hit])  # a fee
    made.note(facts(950, 1000, "449.95"), DAY, MORNING)
    assert made.said([hit])[0].value == "5%; cash fell by 50.00 USD of which no execution tells"
    made.note(facts(1050, 1000, "549.95"), DAY, MORNING)
    rose = "cash rose by 100.00 USD of which no execution tells; losses are measured as if it were a trade's"
    assert told[1:] == [("cash moved", rose)]
    made.note(facts(1050, 1000, "549.95"), DAY, MORNING)
    assert made.said([hit]) == [hit]
