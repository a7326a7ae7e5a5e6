"""alpaca-py's own clients, pointed at a fake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fake_alpaca.server import FakeAlpaca


@contextmanager
def talking(fake: FakeAlpaca) -> Iterator[Any]:
    """Give `trading`, `raw` (trading, unparsed), `data` and `actions`; their connections close at the end."""
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.trading.client import TradingClient

    made = {
        "trading": TradingClient("key", "secret", url_override=fake.url),
        "raw": TradingClient("key", "secret", url_override=fake.url, raw_data=True),
        "data": StockHistoricalDataClient("key", "secret", url_override=fake.url),
        "actions": CorporateActionsClient("key", "secret", url_override=fake.url),
    }
    try:
        yield SimpleNamespace(**made)
    finally:
        for client in made.values():
            client._session.close()
