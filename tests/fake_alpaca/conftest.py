"""A running fake over two hand-made symbols, and alpaca-py's own clients pointed at it."""

from types import SimpleNamespace

import pytest

from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.talk import talking
from tests.fake_alpaca.worlds import at, daily, week


@pytest.fixture
def fake():
    """Start before Monday's open; time moves only when told."""
    with FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week()) as server:
        yield server


@pytest.fixture
def clients(fake):
    """Return alpaca-py's REST clients."""
    with talking(fake) as found:
        yield found


@pytest.fixture
def streams():
    """Return alpaca-py's stream classes."""
    from alpaca.data.live import StockDataStream
    from alpaca.trading.stream import TradingStream

    return SimpleNamespace(trading=TradingStream, data=StockDataStream)
