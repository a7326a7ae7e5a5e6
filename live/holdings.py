"""What is held of a symbol and at which average price, and how an execution changes it.

In: a holding, and shares bought or sold. Out: the holding after it, reckoned as the
broker reckons: adding moves the average, reducing leaves it, turning over begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from live.order_states import Execution

__all__ = ["FLAT", "Holding", "booked", "same_average"]

ZERO = Decimal(0)
_NEAR = Decimal("0.0001")  # 0.01 %: brokers round averages


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares, signed, and the average USD a share that they came at; None if that is not known."""

    quantity: Decimal = ZERO
    average: Decimal | None = None


FLAT = Holding()


def booked(holding: Holding, side: int, done: Execution) -> Holding:
    """Return a holding after an execution.

    Examples
    --------
    >>> held = booked(FLAT, 1, Execution(Decimal(2), Decimal(100)))
    >>> booked(held, 1, Execution(Decimal(2), Decimal(110))).average
    Decimal('105')
    """
    before, change = holding.quantity, side * done.quantity
    after = before + change
    if after == 0:
        return FLAT
    if before * side < 0:  # reduced, or turned over
        return Holding(after, holding.average if abs(change) < abs(before) else done.price)
    if before == 0:
        return Holding(after, done.price)
    if holding.average is None:
        return Holding(after, None)
    cost = abs(before) * holding.average + done.quantity * done.price
    return Holding(after, cost / abs(after))


def same_average(ours: Decimal | None, theirs: Decimal | None) -> bool:
    """Say whether two averages are the same to 0.01 % of the broker's; an unknown one differs in nothing."""
    return ours is None or theirs is None or abs(ours - theirs) <= _NEAR * abs(theirs)


def open_symbols(holdings: Mapping[str, Holding]) -> set[str]:
    """Return the symbols of which something is held."""
    return {symbol for symbol, holding in holdings.items() if holding.quantity != 0}
