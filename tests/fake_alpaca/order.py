"""An order at the broker: its fields, its states, and how the API spells it.

States (A → B): pending_new | accepted → new → partially_filled → filled; new → canceled, expired, rejected,
replaced, suspended; with a slow cancel new → pending_cancel → canceled or filled. A leg of a bracket is
`held` until its parent is filled; the stop of a one-cancels-other pair stays `held` until it triggers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.fake_alpaca.spelling import shares, stamp, text

OPEN = frozenset({
    "new", "partially_filled", "accepted", "pending_new", "pending_cancel", "pending_replace", "held",
    "accepted_for_bidding", "stopped", "suspended", "calculated", "done_for_day", "pending_review",
})  # fmt: skip
CLOSED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
FILLABLE = frozenset({"new", "partially_filled", "held", "pending_cancel"})


@dataclass(eq=False)
class Order:
    """One order; `legs` are its children, `siblings` cancel each other."""

    id: str
    client_order_id: str
    symbol: str
    asset_id: str
    side: str
    type: str
    time_in_force: str
    qty: float
    created_at: datetime
    number: int
    notional: float | None = None
    limit_price: float | None = None
    stop_price: float | None = None
    trail_price: float | None = None
    trail_percent: float | None = None
    hwm: float | None = None
    order_class: str = "simple"
    extended_hours: bool = False
    position_intent: str | None = None
    status: str = "pending_new"
    filled_qty: float = 0.0
    filled_value: Fraction = Fraction(0)  # exact, so that the average of one fill is its price
    triggered: bool = False  # a stop_limit that has become a limit order
    stuck: bool = False  # a fault keeps it from going anywhere
    portions: list[float] = field(default_factory=list)  # a fault: fractions of it to fill, one per occasion
    ending: str = ""  # a fault: "cancel" or "stick" after the next portion
    updated_at: datetime | None = None
    submitted_at: datetime | None = None
    filled_at: datetime | None = None
    expired_at: datetime | None = None
    canceled_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    expires_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    legs: list[Order] = field(default_factory=list)
    parent: Order | None = None
    siblings: list[Order] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether it can still change."""
        return self.status in OPEN or (self.stuck and self.status not in CLOSED)

    @property
    def remaining(self) -> float:
        """Shares still to fill."""
        return max(0.0, round(self.qty - self.filled_qty, 9))

    @property
    def sign(self) -> float:
        """+1 buys, −1 sells."""
        return 1.0 if self.side == "buy" else -1.0

    @property
    def waits(self) -> bool:
        """Whether it is the leg of a parent that has not filled yet."""
        return self.parent is not None and self.parent.order_class != "oco" and self.parent.status != "filled"

    def stop_level(self) -> float | None:
        """Return the price that triggers it; of a trailing stop, that follows the best price so far."""
        if self.type != "trailing_stop":
            return self.stop_price
        if self.hwm is None:
            return None
        if self.trail_percent is not None:
            return self.hwm * (1.0 + self.sign * self.trail_percent / 100.0)
        return self.hwm + self.sign * (self.trail_price or 0.0)

    def to_json(self, nested: bool = True) -> dict[str, Any]:
        """Return what the API says of it."""
        average = float(self.filled_value / Fraction(self.filled_qty)) if self.filled_qty else None
        stop = self.stop_level() if self.type == "trailing_stop" else self.stop_price
        return {
            "id": self.id,
            "client_order_id": self.client_order_id,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at or self.created_at),
            "submitted_at": stamp(self.submitted_at or self.created_at),
            "filled_at": stamp(self.filled_at),
            "expired_at": stamp(self.expired_at),
            "expires_at": stamp(self.expires_at),
            "canceled_at": stamp(self.canceled_at),
            "failed_at": stamp(self.failed_at),
            "replaced_at": stamp(self.replaced_at),
            "replaced_by": self.replaced_by,
            "replaces": self.replaces,
            "asset_id": self.asset_id,
            "symbol": self.symbol,
            "asset_class": "us_equity",
            "notional": text(self.notional),
            "qty": shares(self.qty) if self.notional is None else None,
            "filled_qty": shares(self.filled_qty),
            "filled_avg_price": text(average),
            "order_class": "" if self.order_class == "simple" else self.order_class,
            "order_type": self.type,
            "type": self.type,
            "side": self.side,
            "position_intent": self.position_intent,
            "time_in_force": self.time_in_force,
            "limit_price": text(self.limit_price),
            "stop_price": text(stop),
            "status": self.status,
            "extended_hours": self.extended_hours,
            "legs": [leg.to_json() for leg in self.legs] if nested and self.legs else None,
            "trail_percent": text(self.trail_percent),
            "trail_price": text(self.trail_price),
            "hwm": text(self.hwm),
            "subtag": None,
            "source": None,
        }
