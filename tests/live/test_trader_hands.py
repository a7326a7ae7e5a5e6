"""Hands that are quicker than the trader's next look: shares that an order was for have gone."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from live.alpaca import AlpacaAccount
from live.findings import Act, Policy
from live.risk_context import Purpose
from research.execution import Execution
from research.request import Request
from tests.live.crossing import PARAMS as CROSS
from tests.live.crossing import story
from tests.live.trading import Floor, history, market

START = datetime(2010, 1, 5, 22, tzinfo=UTC)  # IBM crosses upwards, and downwards a day later
PARAMS = {"fast": 2, "slow": 3, "stop": 0.3, "target": 0.9, "risk_cap": 0.0, "vol_target": 10.0}
FREE = Execution(slippage=0.0, commission=0.0)


@pytest.fixture(scope="module")
def bars():
    return history(["IBM"])


@pytest.fixture
def fake(bars):
    with market(bars, START, multiplier=2.0) as made:  # an account that may be short
        yield made


def opened(fake, tmp_path, policy):
    request = Request("ma_crossover", ["IBM"], params=PARAMS)
    return Floor(fake, tmp_path, request, policy=Policy(drift=policy))


@pytest.mark.parametrize("policy", [Act.HALT, Act.ADOPT])
def test_an_exit_that_waits_is_cancelled_when_its_shares_are_sold_by_hand(fake, tmp_path, policy):
    floor = opened(fake, tmp_path, policy)
    floor.sessions(1)
    floor.tick("2010-01-07T01:00", times=3)
    exits = [t for t in floor.tracks.open("IBM") if t.purpose is Purpose.EXIT]
    assert [t.fields["time_in_force"] for t in exits] == ["opg"]
    fake.trade_by_hand("IBM", -fake.positions()["IBM"])
    floor.tick(times=2)
    floor.tick("2010-01-07T14:30:20", times=3)
    assert fake.positions() == {}
    floor.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda held: [replace(one, quantity=None) for one in held],
        lambda held: [replace(one, symbol="") for one in held],
        lambda held: [*held, *(replace(one, quantity=Decimal(0)) for one in held)],
    ],
    ids=["no quantity", "no symbol", "twice"],
)
def test_an_exit_stays_where_nobody_says_how_many_shares_are_held(fake, tmp_path, monkeypatch, spoil):
    floor = opened(fake, tmp_path, Act.ADOPT)
    floor.sessions(1)
    floor.tick("2010-01-07T01:00", times=3)
    positions = AlpacaAccount.positions

    def unreadable(self):
        return spoil(positions(self))

    with monkeypatch.context() as patch:
        patch.setattr(AlpacaAccount, "positions", unreadable)
        floor.tick(times=2)
    (order,) = [o for o in fake.orders() if o.open]
    assert (order.side, order.time_in_force, order.qty) == ("sell", "opg", fake.positions()["IBM"])
    floor.tick("2010-01-07T14:30:20", times=3)
    assert fake.positions() == {}
    floor.close()


@pytest.mark.parametrize("policy", [Act.ADOPT, Act.FLATTEN])
def test_an_entry_that_is_sold_by_hand_before_the_first_look_holds_nothing_up(fake, tmp_path, policy):
    floor = opened(fake, tmp_path, policy)
    floor.tick("2010-01-06T01:00", times=2)
    fake.advance_to("2010-01-06T14:30:20")
    fake.trade_by_hand("IBM", -fake.positions()["IBM"])
    floor.tick(times=3)
    assert floor.rows("SELECT count(*), sum(side * quantity) FROM executions") == [(2, 0.0)]
    floor.tick("2010-01-06T21:01")
    assert floor.rows("SELECT position FROM decisions ORDER BY bar DESC LIMIT 1") == [(0.0,)]
    floor.close()


def test_shares_executed_between_two_answers_are_no_drift(fake, tmp_path, monkeypatch):
    floor = opened(fake, tmp_path, Act.ADOPT)
    floor.tick("2010-01-06T01:00", times=2)
    positions = AlpacaAccount.positions

    def later(self):
        fake.advance_to("2010-01-06T14:30:20")  # the auction comes after the orders were told
        return positions(self)

    with monkeypatch.context() as patch:
        patch.setattr(AlpacaAccount, "positions", later)
        floor.tick()
    ((name, shares),) = floor.rows("SELECT client_id, quantity FROM executions")
    assert name.startswith("PP-")
    assert float(shares) == fake.positions()["IBM"]
    assert not floor.rows("SELECT 1 FROM events WHERE kind = 'quantity'")
    floor.close()


@pytest.mark.parametrize("kind", ["reject", "cancel", "expire"])
def test_that_an_order_ended_by_itself_is_no_routine(fake, tmp_path, kind):
    floor = opened(fake, tmp_path, Act.ADOPT)
    fake.fault("order", kind)
    floor.tick("2010-01-06T01:00")
    floor.tick("2010-01-06T14:30:20", times=3)
    told = floor.rows("SELECT DISTINCT kind FROM events WHERE kind IN ('ended', 'order', 'rejected')")
    assert told == [("ended",)]
    floor.close()


@pytest.mark.parametrize("more", [0.5, -0.5])
def test_a_fraction_that_came_by_hand_leaves_with_the_exit(tmp_path, more):
    """28 shares were bought; the close of the 20th is below its average: all go at the open of the 23rd."""
    after = {3: (118, 118.3, 97, 98), 4: (97, 98, 95, 96)}
    request = Request("ma_crossover", ["AAA"], params={**CROSS, "stop": 0.3}, execution=FREE)
    with story(tmp_path, request=request, after=after, policy=Policy(drift=Act.ADOPT)) as it:
        it.enter()
        it.fake.trade_by_hand("AAA", more)
        it.floor.tick(times=3)
        assert it.fake.positions() == {"AAA": 28 + more}
        for session in (it.entry, *it.later[:2]):
            it.floor.tick(session.close + timedelta(minutes=1), times=2)
        assert it.protection == [("sell", 28.0 + math.floor(more), 80.5)]
        it.floor.tick(it.later[2].open - timedelta(hours=8), times=3)  # no auction takes a fraction
        assert it.fake.positions() == {"AAA": 28 + more}
        it.floor.tick(it.later[2].open + timedelta(seconds=20), times=3)
        assert (it.fake.positions(), it.protection) == ({}, [])
        last = it.sent[-1]
        assert (last["qty"], last["type"], last["time_in_force"]) == (str(28 + more), "market", "day")
        assert it.told("blocked") == []
