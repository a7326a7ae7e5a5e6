"""What the broker has and the journal does not explain: splits, strays, shares that nobody here traded.

In: the journal's side and the broker's. Out: how it is to be written down. Nothing is sent or written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from live.findings import Act, Kind, Reconciled
from live.holdings import Holding, same_average
from live.order_states import Tracked, act
from live.orders import Leg
from live.payloads import BrokerOrder, BrokerPosition
from live.risk_context import Purpose
from live.tracks import Done, Track, Tracks
from live.transitions import Event as Happening
from research.errors import Unreachable

if TYPE_CHECKING:
    from live.book import Book

__all__ = ["adopted", "splits_of", "stray", "to_close", "wish_to_close", "withdrawn"]

_PARTS: Final = 20  # of a share, at most, in a split
_LEG_OF_PURPOSE: Final = {Leg.ENTRY: Purpose.ENTER, Leg.EXIT: Purpose.EXIT, Leg.FLATTEN: Purpose.FLATTEN}


def splits_of(held: Mapping[str, Holding], there: Iterable[BrokerPosition]) -> dict[str, Decimal]:
    """Return the shares that one share became, where a position tells of a split and of nothing else.

    A split changes quantity and average alike, so that what was paid stays what it was; a trade that nobody
    here knows of changes what was paid. Ratios are those of small whole numbers, such as 2, 3/2 or 1/10.

    Examples
    --------
    >>> theirs = BrokerPosition(symbol="IBM", quantity=Decimal(20), average=Decimal(50))
    >>> splits_of({"IBM": Holding(Decimal(10), Decimal(100))}, [theirs])
    {'IBM': Decimal('2')}
    """
    found: dict[str, Decimal] = {}
    for position in there:
        ours = held.get(position.symbol)
        if ours is None or not (ours.average and position.average and position.quantity):
            continue
        if ours.quantity * position.quantity <= 0:
            continue
        grows = ours.average > position.average
        large, small = (ours.average, position.average) if grows else (position.average, ours.average)
        ratio = Fraction(large / small).limit_denominator(_PARTS)
        ratio = ratio if grows else 1 / ratio
        exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        if ratio != 1 and same_average(ours.average, position.average * exact):
            found[position.symbol] = exact
    return found


def stray(
    book: Book, order: Tracked, said: BrokerOrder, above: Track | None, held: Decimal, now: datetime
) -> Track:
    """Return a track of an order that is ours and was not in the journal.

    What rests at a level is protection, since all that we enter goes at the market: taken for an entry, it
    would be cancelled by the kill switch, and its shares would count as spoken for when they are to go.

    Parameters
    ----------
    book : Book
    order : Tracked
        How it stands.
    said : BrokerOrder
        What the broker tells of it.
    above : Track or None
        The order whose leg it is.
    held : Decimal
        Shares of its symbol at the broker, signed: where a journal was lost, it knows of none.
    now : datetime
    """
    fields: dict[str, object] = {"type": said.kind}
    for name, price in (("limit_price", said.limit), ("stop_price", said.stop)):
        if price is not None:
            fields[name] = str(price)
    if above is not None:
        leg = fields | {"parent": above.order.client_id}
        return Track(order, above.order_id, above.purpose, leg, above.sent_at)
    wish = book.get(order.client_id)
    if wish is not None:
        purpose = _LEG_OF_PURPOSE.get(wish.leg, Purpose.PROTECT)
        return Track(order, wish.id, purpose, fields, now)
    if said.kind in {"stop", "stop_limit", "limit"}:
        return Track(order, "", Purpose.PROTECT, fields, now)
    return Track(order, "", Purpose.EXIT if held * order.side < 0 else Purpose.ENTER, fields, now)


def to_close(tracks: Tracks, book: Book, found: Reconciled, now: datetime) -> list[Track]:
    """Return new wishes to close what nobody here can explain.

    A drift is found once, since its shares are taken over; its order may have to wait for the market, or for
    protection to end. So the wish is written in the same transaction, and the desk serves it.
    """
    return [
        wish_to_close(tracks, book, symbol, shares, now)
        for symbol, shares in found.flatten.items()
        if tracks.to_close(symbol) is None
    ]


def wish_to_close(
    tracks: Tracks, book: Book, symbol: str, shares: Decimal, now: datetime, order_id: str = ""
) -> Track:
    """Return a new wish to trade the shares, signed, that close a symbol.

    Parameters
    ----------
    order_id : str
        The order whose shares are not wanted; "" if nobody knows whose they are.
    """
    # Its orders bear the bar's own instant.
    instant = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us") + 1
    while (name := book.id_of(symbol, instant, Leg.FLATTEN)) in tracks.orders:
        instant += 2
    order = Tracked(name, symbol, 1 if shares > 0 else -1, abs(shares))
    return Track(order, order_id, Purpose.FLATTEN, {}, now)


def withdrawn(tracks: Tracks, symbols: Set[str]) -> list[Track]:
    """Return the wishes of `to_close` that still stand, as withdrawn: shares are not closed any more.

    What is known to come from an order that had lapsed is closed whatever becomes of the unknown.
    """
    wishes = [wish for symbol in sorted(symbols) if (wish := tracks.to_close(symbol)) is not None]
    unknown = [wish for wish in wishes if not wish.order_id]
    return [replace(wish, order=act(wish.order, Happening.WITHDRAWN).order) for wish in unknown]


def adopted(tracks: Tracks, found: Reconciled, done: Sequence[Done], now: datetime) -> list[Done]:
    """Return, as executions of nobody's order, the shares that a drift brought or took.

    Parameters
    ----------
    tracks : Tracks
    found : Reconciled
    done : sequence of Done
        Executed in this look, by orders that are known.
    now : datetime

    Raises
    ------
    Unreachable
        Nobody says what they cost.
    """
    taken = []
    for finding in found.findings:
        if finding.kind is not Kind.QUANTITY or finding.act not in {Act.ADOPT, Act.FLATTEN}:
            continue
        symbol = finding.symbol
        held = found.holdings.get(symbol)
        booked = sum((d.side * d.quantity for d in done if d.symbol == symbol), tracks.held(symbol))
        there = Decimal(0) if held is None else held.quantity
        price = held.average if held is not None and held.average is not None else None
        if price is None and symbol in tracks.holdings:
            price = tracks.holdings[symbol].average
        if price is None:  # entered and sold by hand between two looks
            price = next((d.price for d in reversed(done) if d.symbol == symbol), None)
        shares = there - booked
        if shares and price is None:
            # Held and not in the strategy's account, they would be nobody's.
            raise Unreachable(
                f"the broker does not say what {shares} shares of {symbol} cost that nobody here knows "
                "of; it is asked again at the next turn"
            )
        if shares and price is not None:
            taken.append(Done(now, "", symbol, 1 if shares > 0 else -1, abs(shares), price))
    return taken
