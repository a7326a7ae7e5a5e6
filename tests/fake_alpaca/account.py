"""The account: cash, positions, executions, and how the API spells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from tests.fake_alpaca.order import Order
from tests.fake_alpaca.settings import Settings
from tests.fake_alpaca.spelling import shares, stamp, text


def identity(*parts: object) -> str:
    """Return the same UUID for the same parts, always."""
    return str(uuid5(NAMESPACE_DNS, "/".join(str(p) for p in parts)))


@dataclass
class Position:
    """Signed shares and what they cost on average."""

    symbol: str
    qty: float = 0.0
    average: float = 0.0


@dataclass(frozen=True)
class Execution:
    """One fill, whole or partial."""

    id: str
    order: Order
    qty: float
    price: float
    time: datetime
    cumulative: float
    leaves: float


class Account:
    """Money and shares. Prices come from outside: the exchange marks."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings = settings
        self.id = identity("account", seed)
        self.cash = settings.cash
        self.positions: dict[str, Position] = {}
        self.executions: list[Execution] = []
        self.marks: dict[str, float] = {}
        self.last_closes: dict[str, float] = {}
        self.last_equity = settings.cash
        self.history: list[tuple[datetime, float]] = []

    def shares(self, symbol: str) -> float:
        """Return the signed shares held."""
        held = self.positions.get(symbol)
        return held.qty if held else 0.0

    def book(self, symbol: str, signed: float, price: float) -> None:
        """Take a fill into cash and position; the average changes only when the position grows."""
        value = signed * price
        self.cash -= value + abs(value) * self.settings.commission
        held = self.positions.setdefault(symbol, Position(symbol))
        before, after = held.qty, round(held.qty + signed, 9)
        if before == 0.0 or before * after < 0.0:
            held.average = price
        elif abs(after) > abs(before):
            held.average = (held.average * before + value) / after
        held.qty = after
        if after == 0.0:
            del self.positions[symbol]

    def value(self, sign: float) -> float:
        """Return the market value of the longs (+1) or of the shorts (−1)."""
        return sum(
            p.qty * self.marks.get(p.symbol, p.average) for p in self.positions.values() if p.qty * sign > 0
        )

    @property
    def equity(self) -> float:
        """Cash and positions at the last prices."""
        return self.cash + self.value(1.0) + self.value(-1.0)

    def buying_power(self, reserved: float) -> float:
        """Return what new orders may cost, given what open ones may."""
        base = self.equity * self.settings.multiplier if self.settings.multiplier > 1.0 else self.cash
        used = self.value(1.0) - self.value(-1.0) if self.settings.multiplier > 1.0 else -2 * self.value(-1.0)
        return max(0.0, base - used - reserved)

    def to_json(self, reserved: float) -> dict[str, Any]:
        """Return GET /v2/account: money as strings, without the day-trade fields that left in July 2026."""
        power = text(self.buying_power(reserved))
        long, short = self.value(1.0), self.value(-1.0)
        return {
            "id": self.id,
            "account_number": "PA" + self.id[:8].upper(),
            "status": "ACTIVE",
            "crypto_status": "ACTIVE",
            "currency": "USD",
            "buying_power": power,
            "regt_buying_power": power,
            "non_marginable_buying_power": text(max(0.0, self.cash - reserved)),
            "options_buying_power": text(max(0.0, self.cash - reserved)),
            "cash": text(self.cash),
            "accrued_fees": "0",
            "pending_transfer_in": "0",
            "portfolio_value": text(self.equity),
            "trading_blocked": False,
            "transfers_blocked": False,
            "account_blocked": False,
            "created_at": "2020-01-02T15:00:00Z",
            "trade_suspended_by_user": False,
            "multiplier": text(self.settings.multiplier),
            "shorting_enabled": self.settings.multiplier > 1.0,
            "equity": text(self.equity),
            "last_equity": text(self.last_equity),
            "long_market_value": text(long),
            "short_market_value": text(short),
            "position_market_value": text(long - short),
            "initial_margin": text((long - short) / 2),
            "maintenance_margin": text((long - short) * 0.3),
            "last_maintenance_margin": "0",
            "sma": "0",
            **self.settings.account,
        }

    def position_json(self, held: Position, available: float) -> dict[str, Any]:
        """Return one row of GET /v2/positions."""
        price = self.marks.get(held.symbol, held.average)
        last = self.last_closes.get(held.symbol, price)
        cost, worth = held.qty * held.average, held.qty * price
        return {
            "asset_id": identity("asset", held.symbol),
            "symbol": held.symbol,
            "exchange": "NASDAQ",
            "asset_class": "us_equity",
            "asset_marginable": True,
            "qty": shares(held.qty),
            "qty_available": shares(available),
            "avg_entry_price": text(held.average),
            "side": "long" if held.qty > 0 else "short",
            "market_value": text(worth),
            "cost_basis": text(cost),
            "unrealized_pl": text(worth - cost),
            "unrealized_plpc": text((worth - cost) / abs(cost) if cost else 0.0),
            "unrealized_intraday_pl": text(held.qty * (price - last)),
            "unrealized_intraday_plpc": text((price - last) / last if last else 0.0),
            "current_price": text(price),
            "lastday_price": text(last),
            "change_today": text((price - last) / last if last else 0.0),
        }

    def execution_json(self, done: Execution) -> dict[str, Any]:
        """Return one row of GET /v2/account/activities/FILL."""
        order = done.order
        return {
            "id": f"{done.time:%Y%m%d%H%M%S}{done.time.microsecond // 1000:03d}::{done.id}",
            "account_id": self.id,
            "activity_type": "FILL",
            "transaction_time": stamp(done.time),
            "type": "partial_fill" if done.leaves > 0 else "fill",
            "price": text(done.price),
            "qty": shares(done.qty),
            "side": order.side,
            "symbol": order.symbol,
            "leaves_qty": shares(done.leaves),
            "order_id": order.id,
            "cum_qty": shares(done.cumulative),
            "order_status": "partially_filled" if done.leaves > 0 else "filled",
        }
