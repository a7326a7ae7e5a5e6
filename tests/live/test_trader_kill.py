"""The kill switch and a trader that runs beside it: by file, by signal, by the command, and afterwards."""

import os
import signal
from datetime import UTC, datetime

import pytest

from live.findings import Act, Policy
from live.glance import glance_at
from live.killing import heard_kill
from live.limits import KILL
from live.vitals import Health
from research.execution import Execution
from research.request import Request
from tests.live.killing_helpers import wound
from tests.live.trading import Floor, history, market

SYMBOLS = ["AAPL", "IBM"]
START = datetime(2010, 1, 4, 22, tzinfo=UTC)  # both are entered at the next open


@pytest.fixture(scope="module")
def bars():
    return history(SYMBOLS)


@pytest.fixture
def fake(bars):
    with market(bars, START) as made:
        yield made


@pytest.fixture
def floor(fake, tmp_path):
    free = Execution(slippage=0.0, commission=0.0)
    made = Floor(fake, tmp_path, Request("adaptive_momentum", SYMBOLS, execution=free))
    yield made
    made.close()


def since(floor):
    return datetime.fromisoformat(floor.limits.latched()[KILL].at)


def test_the_file_latches_though_the_network_is_dead(fake, floor):
    fake.fault("* *", "503", times=0)
    (floor.folder / "KILL").write_text("no network")
    floor.tick()
    assert floor.limits.latched()[KILL].text == "file KILL: no network"


def test_the_signal_latches(fake, floor):
    floor.trader._kill.said.append("signal SIGUSR1")
    floor.tick()
    assert floor.limits.latched()[KILL].text == "signal SIGUSR1"


def test_a_signal_latches_once_so_that_a_reset_lasts_while_the_runner_lives(fake, floor):
    with heard_kill() as floor.trader._kill:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
        floor.tick(times=2)
        for _ in range(2):
            floor.limits.reset(KILL, by="jane", why="all is well", at=datetime.now(UTC))
            floor.tick(times=2)
            assert not floor.limits.killed
            os.kill(os.getpid(), signal.SIGUSR1)
            floor.tick()
            assert floor.limits.killed


def test_what_the_command_closes_at_the_next_open_is_left_to_it(fake, floor):
    floor.sessions(1)
    assert set(fake.positions()) == set(SYMBOLS)
    floor.limits.latch(KILL, "by hand", datetime.now(UTC))
    left, _, _ = wound(fake, flatten=True, since=since(floor), patience=30.0)
    assert "run this again then" in left[-1]
    closing = {o.client_order_id for o in fake.orders() if o.open}
    floor.tick(times=2)
    assert {
        o.client_order_id for o in fake.orders() if o.open
    } == closing  # the trader has not cancelled them
    fake.advance_to("2010-01-06T15:00")
    assert wound(fake, flatten=True, since=since(floor))[0] == []
    assert fake.positions() == {}
    floor.tick(times=2)
    assert fake.positions() == {}
    assert [o for o in fake.orders() if o.open] == []


@pytest.mark.parametrize("policy", [Act.HALT, Act.ADOPT])
def test_after_the_reset_what_was_closed_is_a_drift_and_goes_by_policy(fake, floor, policy):
    floor.sessions(1)
    fake.advance_to("2010-01-06T15:00")
    floor.tick(times=2)
    floor.limits.latch(KILL, "by hand", datetime.now(UTC))
    assert wound(fake, flatten=True, since=since(floor))[0] == []
    floor.limits.reset(KILL, by="jane", why="all is well", at=datetime.now(UTC))
    floor.habits = {"policy": Policy(drift=policy)}
    floor.reopen()
    floor.tick(times=2)
    held = dict(floor.rows("SELECT symbol, quantity FROM holdings"))
    assert bool(held) == (policy is Act.HALT)
    assert [o for o in fake.orders() if o.open] == []


def test_while_a_drift_halts_nothing_of_its_symbol_is_sent(bars, tmp_path):
    # Shorts are allowed: a stop for shares that are gone would open one.
    with market(bars, START, multiplier=2.0) as fake:
        floor = Floor(fake, tmp_path, Request("adaptive_momentum", SYMBOLS))
        floor.sessions(1)
        fake.advance_to("2010-01-06T15:00")
        floor.tick(times=2)
        floor.limits.latch(KILL, "by hand", datetime.now(UTC))
        assert wound(fake, flatten=True, since=since(floor))[0] == []
        floor.limits.reset(KILL, by="jane", why="all is well", at=datetime.now(UTC))
        sent = fake.log.count("POST /v2/orders")
        floor.tick(times=3)
        floor.sessions(2)
        assert fake.log.count("POST /v2/orders") == sent
        assert fake.positions() == {}
        floor.close()


def test_a_trader_that_ends_as_it_should_says_goodbye(fake, floor):
    ticks: list[float] = []
    floor.trader.run(stop=lambda: len(ticks) > 1, wait=ticks.append, poll=0.1, on_tick=lambda: None)
    seen = glance_at(floor.folder / "run.sqlite", datetime.now(UTC))
    assert (seen.health, seen.looks) == (Health.STOPPED, ())
    floor.sessions(1)
    floor.trader.goodbye()
    (look,) = glance_at(floor.folder / "run.sqlite", datetime.now(UTC)).looks
    assert look.startswith("held while nobody watches: ")


def test_a_glance_at_a_trader_that_trades(fake, floor):
    floor.sessions(2)
    seen = glance_at(floor.folder / "run.sqlite", datetime.now(UTC))
    assert seen.health is Health.RUNNING
    assert [look for look in seen.looks if "kill" in look or "protect" in look] == []
    assert seen.standing is not None
    assert seen.rhythm is not None
    held = {p.symbol: float(p.quantity) for p in seen.standing.positions}
    assert held == fake.positions()
    for position in seen.standing.positions:
        assert position.fault == ""
        assert position.resting is not None
        assert position.want is not None
        assert position.resting.quantity == abs(position.quantity)
        assert position.resting.stop == position.want.stop
    assert seen.rhythm.trades == 2
