"""Orders on their way out of a position: which no longer fit it, and what the next one is called.

In: what is known of our orders, what the broker holds. Out: orders to cancel, ids. Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from live.orders import Leg
from live.risk_context import Purpose
from live.transitions import State

if TYPE_CHECKING:
    from live.book import Book
    from live.tracks import Track, Tracks

__all__ = ["PURPOSE", "again", "bare", "leaving", "next_name", "outgrown"]

PURPOSE: Final[Mapping[Leg, Purpose]] = {Leg.EXIT: Purpose.EXIT, Leg.FLATTEN: Purpose.FLATTEN}


def again(track: Track) -> bool:
    """Say whether an order was asked for and definitely not there, so that its id may be sent again."""
    return track.order.state is State.NEW


def leaving(tracks: Tracks, symbol: str) -> list[Track]:
    """Return the exits and flattening orders of a symbol that may still execute."""
    return [t for t in tracks.open(symbol) if t.purpose in PURPOSE.values()]


def outgrown(tracks: Tracks, symbol: str, held: Decimal) -> list[Track]:
    """Return those that would trade more than is held, or on the wrong side: executed, they open a position.

    They were sized when they were sent; an auction is hours away, and a hand may be quicker.

    Parameters
    ----------
    held : Decimal
        Shares at the broker, signed.
    """
    orders = leaving(tracks, symbol)
    closes = all(t.order.side * held < 0 for t in orders)
    fits = sum((t.order.remaining for t in orders), Decimal(0)) <= abs(held)
    return [] if closes and fits else orders


def bare(tracks: Tracks, symbol: str, held: Decimal) -> Decimal:
    """Return the shares for which neither an exit nor protection rests; < 0: more rest than are held.

    Parameters
    ----------
    held : Decimal
        Shares at the broker, signed.
    """
    resting = [r for r in tracks.resting() if r.symbol == symbol and r.purpose is not Purpose.ENTER]
    fits = sum((r.remaining for r in resting if r.side * held < 0), Decimal(0))
    over = sum((r.remaining for r in resting if r.side * held >= 0), Decimal(0))
    return -over if over else abs(held) - fits


def next_name(
    book: Book, tracks: Tracks, symbol: str, order_id: str, leg: Leg, last: np.datetime64, shares: Decimal
) -> str | None:
    """Return the id of the next order that carries out an exit or a wish; None: not before the next bar.

    The first bears the exit's own id. One that ended unfilled is followed by one of the next bar, one that
    never arrived is sent again, and one that we took back since it had outgrown what is held is sized anew at
    once. A wish's own id is never sent; a second wish within a bar counts on from the orders of the first.
    """
    attempts = [t for t in tracks.of_order(order_id) if t.purpose is PURPOSE[leg]]
    if attempts and again(attempts[-1]):
        return attempts[-1].order.client_id
    if leg is Leg.EXIT and not attempts:
        return order_id
    number = 0
    name = book.id_of(symbol, last, leg)
    while (known := tracks.orders.get(name)) is not None and (
        known.order_id != order_id or _taken_back(known, shares)
    ):
        number += 1
        name = book.id_of(symbol, last + np.timedelta64(number, "us"), leg)
    return name if known is None else None


def _taken_back(track: Track, shares: Decimal) -> bool:
    o = track.order
    return o.state is State.CANCELLED and o.filled == 0 and o.quantity > shares
