"""What must rest at the broker to protect a position, and when it must be replaced.

In: a position and the levels that the kernel has in force for it (`P_QTY`, `P_PROTECT`,
`P_TARGET` of its account, or `I_HELD`, `I_PROTECT`, `I_GOAL` of an intent). Out: the order
wanted, an OCO of a limit and a stop or one of the two alone; and, beside what rests
there already, what to do.

Prices are rounded to the tick outwards: a selling stop down, a selling limit up, so that
the order executes at exactly those prices of the tick at which the kernel's level is
touched, no sooner. A level is compared as the kernel compares it: the tick whose float
is not beyond the level's.

Brokers rest no fraction of a share: the whole shares are protected, and what is left over
is said. One order rests at a time; it is replaced when its size changes, or when the stop
moves in favour by a tick, never to loosen it: but for one that is older than a split of the
shares, whose prices are of shares that are no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from live.risk_form import tick_of
from research.errors import BadValue

__all__ = ["Protection", "Step", "next_step", "order_fields", "wanted"]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Protection:
    """A protective order.

    Attributes
    ----------
    symbol : str
    side : int
        Of the order: −1 protects a long position, +1 a short one.
    quantity : Decimal
        Whole shares, > 0.
    stop, target : Decimal or None
        USD on the tick; neither: the shares are to go at the market, as at a stop whose price is reached.
    """

    symbol: str
    side: int
    quantity: Decimal
    stop: Decimal | None
    target: Decimal | None


class Step(StrEnum):
    """What to do about a position's protection."""

    KEEP = "keep"
    PLACE = "place"
    REPLACE = "replace"
    CANCEL = "cancel"
    EXIT = "exit"  # the price is beyond the stop already: the broker would refuse it, and the kernel is out


def _below(level: float) -> Decimal:
    """Return the highest price on the tick that is not above a level, as floats compare."""
    exact = Decimal(level)
    tick = tick_of(exact)
    price = exact.quantize(tick, ROUND_FLOOR)
    # 97.1 is 97.0999…: its own tick has the same float, and is touched with it.
    return price + tick if float(price + tick) <= level else price


def _above(level: float) -> Decimal:
    """Return the lowest price on the tick that is not below a level, as floats compare."""
    exact = Decimal(level)
    tick = tick_of(exact)
    price = exact.quantize(tick, ROUND_CEILING)
    return price - tick if float(price - tick) >= level else price


def _price(name: str, symbol: str, level: float, *, below: bool) -> Decimal | None:
    """Return a level's price on the tick; None if there is no level, or no price can fall to it.

    A short's target of the whole price is at 0 or below: the kernel, too, never reaches it.
    """
    if math.isnan(level) or (below and -math.inf < level <= 0):
        return None
    if not (math.isfinite(level) and 0 < level < 10**12):
        raise BadValue(f"{name} of {symbol} must be a price > 0, was {level:g}; look at the account's state")
    return _below(level) or None if below else _above(level)


def wanted(symbol: str, held: float, stop: float, target: float) -> tuple[Protection | None, Decimal]:
    """Return the order that protects a position, and the shares that none can protect.

    Parameters
    ----------
    symbol : str
    held : float
        Shares, signed; 0 is flat.
    stop, target : float
        USD; the levels in force, NaN none. The stop is the tighter of the fixed and the trailing one.

    Returns
    -------
    (Protection or None, Decimal)
        None if nothing is held, less than a share is, or there is no level; the fraction of a share
        left over, where there is a level to protect it at. A long's stop and a short's target that are 0 on
        the tick, or less, are none.

    Raises
    ------
    BadValue
        A position that is no number, or a level that is neither a price nor out of reach.

    Examples
    --------
    >>> order, left = wanted("IBM", 10.0, 97.123, 110.001)
    >>> order.side, order.quantity, order.stop, order.target, left
    (-1, Decimal('10'), Decimal('97.12'), Decimal('110.01'), Decimal('0'))
    """
    if not math.isfinite(held):
        raise BadValue(f"position of {symbol} must be a number, was {held:g}; look at the account's state")
    long = held > 0
    stop_price = _price("stop", symbol, stop, below=long)
    target_price = _price("target", symbol, target, below=not long)
    if held == 0 or (stop_price is None and target_price is None):
        return None, ZERO
    shares = abs(Decimal(held))
    whole = shares.to_integral_value(ROUND_FLOOR)
    if whole == 0:
        return None, shares
    side = -1 if long else 1
    return Protection(symbol, side, whole, stop_price, target_price), shares - whole


def _better(new: Decimal | None, old: Decimal | None, side: int) -> bool:
    """Say whether a stop is nearer to the market than another, or is there where none was."""
    if new is None or old is None:
        return old is None and new is not None
    return (new - old) * -side > 0


def next_step(
    resting: Protection | None, want: Protection | None, last: Decimal | None, *, outdated: bool = False
) -> Step:
    """Say what to do, given what rests at the broker and what is wanted.

    Parameters
    ----------
    resting : Protection or None
        Open at the broker, with the shares that it may still execute.
    want : Protection or None
        From `wanted`, of the same symbol.
    last : Decimal or None
        The last price, USD; None not known.
    outdated : bool, default False
        Whether the shares were split since what rests was sent.

    Returns
    -------
    Step
        EXIT wherever the last price is at or beyond the wanted stop.

    Examples
    --------
    >>> old, _ = wanted("IBM", 10.0, 97.0, 110.0)
    >>> new, _ = wanted("IBM", 10.0, 97.009, 110.0)
    >>> str(next_step(old, new, Decimal(100)))  # less than a tick
    'keep'
    >>> new, _ = wanted("IBM", 10.0, 97.01, 110.0)
    >>> str(next_step(old, new, Decimal(100)))
    'replace'
    """
    if want is None:
        return Step.KEEP if resting is None else Step.CANCEL
    if last is not None and want.stop is not None and (last - want.stop) * -want.side <= 0:
        return Step.EXIT
    if resting is None:
        return Step.PLACE
    resized = (resting.side, resting.quantity) != (want.side, want.quantity)
    aimed = resting.target is None and want.target is not None
    if outdated and (resting.stop, resting.target) != (want.stop, want.target):
        return Step.REPLACE
    if resized or aimed or _better(want.stop, resting.stop, want.side):
        return Step.REPLACE
    return Step.KEEP


def order_fields(order: Protection, client_id: str) -> dict[str, object]:
    """Return the body of the request that places a protective order.

    Two levels make an OCO order, whose type is "limit" by the broker's rule; one makes a plain order.
    All rest until cancelled, which the broker does after 90 days.

    Examples
    --------
    >>> order_fields(Protection("IBM", -1, Decimal(10), Decimal("97.12"), None), "XX-1")["stop_price"]
    '97.12'
    """
    body: dict[str, object] = {
        "symbol": order.symbol,
        "qty": str(order.quantity),
        "side": "sell" if order.side < 0 else "buy",
        "time_in_force": "gtc",
        "client_order_id": client_id,
    }
    if order.stop is not None and order.target is not None:
        legs = {
            "take_profit": {"limit_price": str(order.target)},
            "stop_loss": {"stop_price": str(order.stop)},
        }
        return body | {"type": "limit", "order_class": "oco"} | legs
    if order.stop is not None:
        return body | {"type": "stop", "stop_price": str(order.stop)}
    return body | {"type": "limit", "limit_price": str(order.target)}
