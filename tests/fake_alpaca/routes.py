"""Which handler answers which method and path."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.fake_alpaca import market_data, trading
from tests.fake_alpaca.settings import missing
from tests.fake_alpaca.trading import Answer, Request, World

Handler = Callable[[World, Request], Answer]

ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/v2/account", trading.account),
    ("GET", "/v2/account/configurations", trading.configurations),
    ("PATCH", "/v2/account/configurations", trading.configurations),
    ("GET", "/v2/account/activities", trading.activities),
    ("GET", "/v2/account/activities/{id}", trading.activities),
    ("GET", "/v2/account/portfolio/history", trading.history),
    ("GET", "/v2/clock", trading.clock),
    ("GET", "/v2/calendar", trading.calendar),
    ("GET", "/v2/assets", trading.assets),
    ("GET", "/v2/assets/{id}", trading.asset),
    ("POST", "/v2/orders", trading.post_order),
    ("GET", "/v2/orders", trading.list_orders),
    ("DELETE", "/v2/orders", trading.delete_orders),
    ("GET", "/v2/orders:by_client_order_id", trading.get_by_client),
    ("GET", "/v2/orders/{id}", trading.get_order),
    ("PATCH", "/v2/orders/{id}", trading.patch_order),
    ("DELETE", "/v2/orders/{id}", trading.delete_order),
    ("GET", "/v2/positions", trading.positions),
    ("DELETE", "/v2/positions", trading.delete_positions),
    ("GET", "/v2/positions/{id}", trading.position),
    ("DELETE", "/v2/positions/{id}", trading.delete_position),
    ("GET", "/v2/stocks/bars", market_data.bars),
    ("GET", "/v2/stocks/bars/latest", market_data.latest_bars),
    ("GET", "/v2/stocks/trades/latest", market_data.latest_trades),
    ("GET", "/v2/stocks/quotes/latest", market_data.latest_quotes),
    ("GET", "/v2/stocks/snapshots", market_data.snapshots),
    ("GET", "/v2/stocks/{id}/bars", market_data.bars_of),
    ("GET", "/v1/corporate-actions", market_data.actions),
]
_FOUND = [
    (method, re.compile(re.escape(path).replace(r"\{id\}", "(?P<id>[^/]+)") + "$"), handler)
    for method, path, handler in ROUTES
]


def find(method: str, path: str) -> tuple[Handler, str]:
    """Return the handler of a request and the parameter in its path."""
    for wanted, pattern, handler in _FOUND:
        if wanted == method and (match := pattern.match(path)):
            return handler, match.groupdict().get("id") or ""
    raise missing(f"no such route: {method} {path}")
