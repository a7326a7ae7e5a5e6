"""Pre-trade checks of the order itself: is it one, is it new, does it fit what is held and open.

In: an order that is wanted, the context and the rules. Out: `None`, or a `Breach`.
"""

from __future__ import annotations

from decimal import Decimal

from live.risk_context import ZERO, Breach, Context, Purpose, Rules, Wanted
from live.risk_sums import is_number

__all__ = [
    "known_world",
    "new_id",
    "no_wash",
    "not_in_doubt",
    "not_twice",
    "only_enters",
    "only_reduces",
    "tick_of",
    "well_formed",
    "whole_shares",
]


def tick_of(price: Decimal) -> Decimal:
    """Return the least step of a price: a cent from a dollar up, a hundredth of one below."""
    return Decimal("0.01") if price >= 1 else Decimal("0.0001")


def _amount(value: Decimal) -> bool:
    # Beyond that a remainder needs more than the 28 digits that decimals are reckoned with.
    return is_number(value) and 0 < value < 10**12


def well_formed(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask for a symbol, a side, a positive number of shares, positive prices on the tick."""
    if not w.symbol or w.side not in {1, -1}:
        return Breach("must name a symbol and a side of ±1", f"{w.symbol!r}, {w.side}", "mend the caller")
    if not _amount(w.quantity):
        return Breach("quantity must be > 0 and < 10^12", str(w.quantity), "mend the caller")
    for name, price in (("limit", w.limit), ("stop", w.stop)):
        if price is None:
            continue
        if not _amount(price):
            return Breach(f"{name} must be > 0 and < 10^12", str(price), "mend the caller")
        if price % tick_of(price) != 0:
            return Breach(
                f"{name} must be a multiple of {tick_of(price)}", str(price), "round it to the tick"
            )
    return None


def known_world(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that what is held and open are numbers: nothing can be summed with what is not."""
    for symbol, quantity in c.positions.items():
        if not is_number(quantity):
            return Breach(f"position of {symbol} must be a number", str(quantity), "ask the broker")
    for order in c.resting:
        if not (is_number(order.remaining) and order.remaining >= 0 and order.side in {1, -1}):
            told = f"side {order.side}, {order.remaining} shares"
            return Breach(f"open order {order.client_id} must be known", told, "ask the broker")
    if not is_number(c.reserved):
        return Breach("amount under way must be a number", str(c.reserved), "ask the broker")
    return None


def whole_shares(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask for whole shares; a fraction that came by a split or by hand may leave, for a day.

    With an exit, or when all is flattened: nothing is entered by fractions, and none rests as protection.
    """
    if w.quantity % 1 == 0:
        return None
    asset = c.assets.get(w.symbol)
    leaves = w.purpose in {Purpose.EXIT, Purpose.FLATTEN} and w.time_in_force == "day"
    if leaves and asset is not None and asset.fractionable:
        return None
    return Breach("quantity must be whole shares", str(w.quantity), "round it down")


def new_id(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask for an id of this broker's prefix, ≤ 48 characters, that was never sent."""
    if not (c.prefix and w.client_id.startswith(c.prefix) and len(w.client_id) <= 48):
        return Breach(
            f"id must begin with {c.prefix!r} and have ≤ 48 characters", w.client_id, "mint it anew"
        )
    if w.client_id in c.used_ids:
        return Breach("id must be new", w.client_id, "ask the broker for the order by this id")
    return None


def not_twice(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that none is open for the same: a symbol has one entry, one exit, one protection at a time."""
    for other in c.resting:
        same = other.symbol == w.symbol and other.side == w.side and other.purpose is w.purpose
        if same and other.client_id != w.replaces:
            return Breach(f"{w.symbol} must have one order to {w.purpose}", other.client_id, "wait for it")
    return None


def not_in_doubt(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the fate of all orders of the symbol is known: else it is locked."""
    for other in c.resting:
        if other.symbol == w.symbol and other.in_doubt:
            return Breach(f"{w.symbol} must have no order in doubt", other.client_id, "ask the broker for it")
    return None


def no_wash(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that no order of ours rests on the other side of the same symbol."""
    for other in c.resting:
        if other.symbol == w.symbol and other.side == -w.side and other.client_id != w.replaces:
            return Breach(f"{w.symbol} must have no opposite order open", other.client_id, "cancel it first")
    return None


def only_enters(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that an entry does not work against a position that is held."""
    if c.held(w.symbol) * w.side < 0:
        return Breach("an entry must not reduce a position", f"held {c.held(w.symbol)}", "exit it instead")
    return None


def only_reduces(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask for no more shares than are held and not already on their way out.

    Protection and an exit of one position exclude each other at the broker, which
    sets shares aside for each: the resting one is replaced or cancelled first.
    """
    held = c.held(w.symbol)
    leaving = sum(
        (
            o.remaining
            for o in c.resting
            if o.symbol == w.symbol and o.side == w.side and o.client_id != w.replaces
        ),
        ZERO,
    )
    free = (-held * w.side) - leaving
    if w.quantity > free:
        return Breach(
            f"order to {w.purpose} must be ≤ the {free} shares free", str(w.quantity), "size it anew"
        )
    return None
