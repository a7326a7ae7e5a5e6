"""Position, exposure and rate limits at a trader: what is beyond them is blocked, and after a restart too."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from research.execution import Execution
from research.request import Request
from tests.live.trading import FREE, Floor, history, market

D = Decimal
SYMBOLS = ["AAPL", "IBM"]
START = datetime(2010, 1, 4, 22, tzinfo=UTC)  # both are entered at the next open
EVENING = datetime(2010, 1, 5, 1, tzinfo=UTC)

# Each lets AAPL's entry pass, of 27,000 USD, and is named for IBM's, of 45,000 USD.
ONE_OF_TWO: dict[str, dict[str, Any]] = {
    "position notional": {"position_notional": D(30_000)},
    "position share": {"position_share": D("0.3")},
    "gross exposure": {"gross_exposure": D("0.3")},
    "positions": {"positions": 1},
    "open orders": {"open_orders": 1},
    "orders per minute": {"orders_per_minute": 1},
    "orders per day": {"orders_per_day": 1},
}


@pytest.fixture(scope="module")
def bars():
    return history(SYMBOLS)


def floor_of(fake, tmp_path, **rules):
    free = Execution(slippage=0.0, commission=0.0)
    request = Request("adaptive_momentum", SYMBOLS, execution=free)
    return Floor(fake, tmp_path, request, rules=replace(FREE, **rules))


def test_without_a_limit_both_are_entered(bars, tmp_path):
    with market(bars, START) as fake:
        floor = floor_of(fake, tmp_path)
        floor.tick(EVENING, times=2)
        assert [o.symbol for o in fake.orders()] == SYMBOLS
        floor.close()


@pytest.mark.parametrize("name", ONE_OF_TWO)
def test_a_limit_blocks_and_a_restart_does_not_forget_it(bars, tmp_path, name):
    with market(bars, START) as fake:
        floor = floor_of(fake, tmp_path, **ONE_OF_TWO[name])
        floor.tick(EVENING, times=2)
        (sent,) = fake.orders()
        for _ in range(2):
            floor.reopen()
            floor.tick(times=2)
        assert fake.orders() == [sent]
        said = floor.rows("SELECT DISTINCT text FROM events WHERE kind = 'blocked'")
        assert said
        assert all(f"blocked by {name}: " in text for (text,) in said), said
        assert floor.limits.latched() == {}
        floor.close()
