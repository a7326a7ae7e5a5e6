"""Clients pointed at a fake: alpaca-py's own, and plain requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from tests.fake_alpaca.server import FakeAlpaca


KEYS = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
BODY = {"symbol": "AAA", "qty": 1, "side": "buy", "type": "limit", "limit_price": 50, "time_in_force": "day"}


def get(fake: FakeAlpaca, path="/v2/clock", timeout=10.0):
    """Ask for a path without alpaca-py."""
    with requests.Session() as session:
        return session.get(fake.url + path, headers=KEYS, timeout=timeout)


def post(fake, client_id, timeout=10.0, **more):
    """Place a limit order at 50 without alpaca-py, which would repeat a 429 or 504."""
    with requests.Session() as session:
        body = {**BODY, "client_order_id": client_id, **more}
        return session.post(fake.url + "/v2/orders", json=body, headers=KEYS, timeout=timeout)


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
