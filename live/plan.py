"""What the desk needs to know of an instant, and what an order may be then.

In: the broker's clock, calendar and positions, as of one look. Out: a `Plan`, and how long an order sent now
is in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from live.risk import Blocked
    from live.risk_context import Context
    from live.schedule import Schedule

__all__ = ["Plan", "in_force", "whole"]


@dataclass(frozen=True)
class Plan:
    """What the desk needs to know of this instant.

    Attributes
    ----------
    context : callable
        The door's view of the world, made anew for each order.
    schedule : Schedule
    now : datetime
    is_open : bool
        By the broker's clock.
    locked : mapping of str to Blocked
        Symbols of which nothing may be sent, and what keeps their entries.
    positions : mapping
        Shares at the broker, signed; None: its answer does not say how many.
    splits : mapping
        Shares that one share becomes at the open that an entry decided at the last bar fills at.
    entering : bool
        Whether entries may be sent at all: not while bars are caught up with, nor after a halt.
    kept : Blocked or None
        What keeps the entries of all symbols, if it is more than a bar that is waited for.
    restores : bool
        Under the kill switch: whether protection that is lacking may be put back.
    """

    context: Callable[[], Context]
    schedule: Schedule
    now: datetime
    is_open: bool
    locked: Mapping[str, Blocked]
    positions: Mapping[str, Decimal | None]
    splits: Mapping[str, Decimal]
    entering: bool = False
    kept: Blocked | None = None
    restores: bool = False


def whole(quantity: Decimal) -> Decimal:
    """Return whole shares without a decimal point, and fractions as they are."""
    return quantity.quantize(Decimal(1)) if quantity == quantity.to_integral_value() else quantity


def in_force(plan: Plan, shares: Decimal) -> str | None:
    """Return for how long a market order sent now is in force; None: none can be sent now."""
    if plan.is_open:
        return "day"
    whole = shares == shares.to_integral_value()  # no auction takes a fraction
    return "opg" if whole and plan.schedule.opg_until(plan.now) is not None else None
