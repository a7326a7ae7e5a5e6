"""All orders: found by id, opened with their legs, and what they hold back of cash and shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.fake_alpaca import checks
from tests.fake_alpaca.account import Account, identity
from tests.fake_alpaca.order import Order
from tests.fake_alpaca.settings import Refused, Settings, forbidden, missing

GTC_DAYS = 90


class Book:
    """Orders in the order they came."""

    def __init__(self, settings: Settings, account: Account, seed: int) -> None:
        self.settings, self.account, self.seed = settings, account, seed
        self.orders: dict[str, Order] = {}
        self._live: list[Order] = []
        self.by_client: dict[str, Order] = {}
        self.price_of: Callable[[str], float | None] = account.marks.get

    @property
    def open(self) -> list[Order]:
        """Return open orders, oldest first."""
        self._live = [order for order in self._live if order.open]
        return list(self._live)

    def get(self, order_id: str) -> Order:
        """Return an order by its id."""
        if order_id not in self.orders:
            raise missing(f"order not found for {order_id}")
        return self.orders[order_id]

    def get_client(self, client_id: str) -> Order:
        """Return an order by its client's id."""
        if client_id not in self.by_client:
            raise missing(f"order not found for {client_id}")
        return self.by_client[client_id]

    def claim(self, wanted: Any) -> str:
        """Return the client id to use; a used one is refused for ever."""
        client = str(wanted) if wanted else identity("client", self.seed, len(self.orders))
        if len(client) > checks.LONGEST_ID:
            raise Refused(
                422, 40010001, f"client_order_id must be no more than {checks.LONGEST_ID} characters"
            )
        if client in self.by_client:
            raise Refused(422, 40010001, "client_order_id must be unique")
        return client

    def make(self, now: datetime, client_id: str, **fields: Any) -> Order:
        """Enter an order into the book."""
        n = len(self.orders)
        order = Order(
            id=identity("order", self.seed, n),
            client_order_id=client_id,
            asset_id=identity("asset", fields["symbol"]),
            created_at=now,
            submitted_at=now,
            updated_at=now,
            number=n,
            **fields,
        )
        if order.time_in_force == "gtc":
            order.expires_at = now + timedelta(days=GTC_DAYS)
        self._live.append(order)
        self.orders[order.id] = self.by_client[order.client_order_id] = order
        return order

    def reserved(self) -> float:
        """Return the cash that open orders may still cost."""
        return sum(self._cost(o) for o in self.open if self._opens(o) and not o.waits)

    def available(self, symbol: str) -> float:
        """Return the shares that no open order is about to close, with the position's sign."""
        held = self.account.shares(symbol)
        sign = math.copysign(1.0, held)
        used = 0.0
        for order in self.open:
            twin = order.siblings and order.siblings[0].number < order.number and order.siblings[0].open
            if order.symbol == symbol and order.sign == -sign and not order.waits and not twin:
                used += order.remaining
        return sign * max(0.0, abs(held) - used) if held else 0.0

    def _opens(self, order: Order) -> bool:
        """Whether an order would open or grow a position."""
        return self.account.shares(order.symbol) * order.sign >= 0.0

    def _cost(self, order: Order) -> float:
        at = order.limit_price or order.stop_price or self.price_of(order.symbol) or 0.0
        return order.remaining * at * (1.0 + self.settings.commission)

    def afford(self, body: Mapping[str, Any], qty: float, at: float | None, shortable: bool) -> None:
        """Refuse what the account may not have: blocked, wash trade, too many shares, too little cash."""
        told = self.settings.account
        if told.get("trading_blocked") or told.get("account_blocked"):
            raise forbidden("account is not authorized to trade")
        if told.get("trade_suspended_by_user"):
            raise forbidden("trading is suspended by user")
        symbol, sign = body["symbol"], 1.0 if body["side"] == "buy" else -1.0
        self._wash(body, symbol, sign)
        held = self.account.shares(symbol)
        if held * sign < 0.0:
            free = abs(self.available(symbol))
            if qty > free + 1e-9:
                raise forbidden(
                    f"insufficient qty available for order (requested: {qty:g}, available: {free:g})",
                    available=f"{free:g}",
                    existing_qty=f"{abs(held):g}",
                    held_for_orders=f"{abs(held) - free:g}",
                    symbol=symbol,
                )
            return
        if sign < 0.0 and not (shortable and self.settings.multiplier > 1.0 and qty == math.floor(qty)):
            raise forbidden("account is not allowed to short")
        cost = qty * (at or 0.0) * (1.0 + self.settings.commission)
        power = self.account.buying_power(self.reserved())
        if cost > power * (1.0 + 1e-9):
            raise forbidden(
                "insufficient buying power", buying_power=f"{power:.2f}", cost_basis=f"{cost:.2f}"
            )

    def _wash(self, body: Mapping[str, Any], symbol: str, sign: float) -> None:
        for order in self.open:
            if order.symbol != symbol or order.sign == sign or order.waits:
                continue
            theirs, ours = order.limit_price, checks.number(body.get("limit_price"), "limit_price")
            limits = order.type == "limit" and body["type"] == "limit"
            if limits and theirs is not None and ours is not None and (ours - theirs) * sign < 0.0:
                continue
            raise forbidden(
                "potential wash trade detected. use complex orders",
                reject_reason="opposite side market/stop order exists",
                existing_order_id=order.id,
            )
