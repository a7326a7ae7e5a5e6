"""Entries whose open has passed: which orders must go, which may not be sent, and what came of them anyway.

In: our orders at the broker, the strategy's open orders, the engine's account. Out: orders to cancel, what
keeps an entry back, wishes to close. Nothing is sent here.

An entry lives for one open. What the backtest takes for not filled must not fill later, when neither stop nor
target nor time limit is known for it: after a halt, or at tomorrow's open. So its order is cancelled as soon
as its wish has left the book or its bar is over. Where the order is quicker than the cancel, its shares are
closed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from live.drifts import wish_to_close
from live.orders import Leg
from live.risk import Blocked
from live.risk_context import Purpose
from live.rows import utc_of
from research.kernels import account as ac

if TYPE_CHECKING:
    from live.book import Book
    from live.orders import Order
    from live.schedule import Schedule
    from live.tracks import Track, Tracks
    from research.engine import UnifiedTradingEngine

__all__ = ["entering", "kept_back", "lapsed", "late_wishes", "queues"]

# A request that is under way may arrive as late as that: its deadline, and as long again.
_UNDER_WAY: Final = timedelta(seconds=20)


def entering(tracks: Tracks, symbol: str) -> list[Track]:
    """Return the entries of a symbol that may still execute.

    Entries go at the market; in a journal of before 2026-11-23, what was found at rest may be one.
    """
    found = [t for t in tracks.open(symbol) if t.purpose is Purpose.ENTER]
    return [t for t in found if t.kind == "market" and "parent" not in t.fields]


def lapsed(
    tracks: Tracks, book: Book, symbol: str, last: datetime | None, schedule: Schedule, now: datetime
) -> list[Track]:
    """Return the entries that must not execute any more.

    Parameters
    ----------
    last : datetime or None
        UTC: the close of the last bar taken, at which an entry must have been decided.
    """
    return [t for t in entering(tracks, symbol) if not _lives(t, book.get(t.order_id), last, schedule, now)]


def _lives(
    track: Track, wish: Order | None, last: datetime | None, schedule: Schedule, now: datetime
) -> bool:
    if last is None or wish is None or wish.leg is not Leg.ENTRY or utc_of(wish.bar_close) != last:
        return False
    # The bar may be over and not there yet. An auction's order goes with its auction, by itself.
    return track.fields.get("time_in_force") != "day" or not schedule.late(last, now)


def kept_back(tracks: Tracks, order: Order) -> Blocked | None:
    """Return what keeps an entry back that the risk door, which knows no bars, would let pass; None nothing.

    The engine has decided it for an account that holds nothing: beside an older order that may still execute,
    or shares that it has not booked, the position would be larger than was wanted.
    """
    symbol, remedy = order.symbol, "wait for the next bar"
    older = [t.order.client_id for t in entering(tracks, symbol) if t.order_id != order.id]
    if older:
        return Blocked("older entry", f"{symbol} must have no older entry open", older[0], remedy)
    if held := tracks.held(symbol):
        return Blocked("unbooked shares", f"{symbol} must be flat before an entry", f"{held:f}", remedy)
    return None


def queues(schedule: Schedule, now: datetime) -> bool:
    """Say whether an order for the day, sent now, may come after the close and would wait for tomorrow."""
    session = schedule.at(now)
    return session is None or session.close - now <= _UNDER_WAY


def late_wishes(tracks: Tracks, book: Book, engine: UnifiedTradingEngine, now: datetime) -> list[Track]:
    """Return new wishes to close what entries bought or sold after they had lapsed.

    Of an entry that was booked in part, what comes later joins the position and its levels.
    """
    entries: dict[str, list[Track]] = {}
    for done in tracks.unbooked:
        track = tracks.orders.get(done.client_id)
        if track is not None and track.purpose is Purpose.ENTER and done.symbol in engine.symbols:
            entries.setdefault(done.symbol, []).append(track)
    wishes = []
    for symbol, filled in entries.items():
        booked, held = engine.account.positions[engine.symbols.index(symbol), ac.P_QTY], tracks.held(symbol)
        # One that still lives was sent when the shares of all before it had gone.
        if booked != 0.0 or held == 0 or any(book.get(track.order_id) for track in filled):
            continue
        if tracks.to_close(symbol) is None:
            wishes.append(wish_to_close(tracks, book, symbol, -held, now, filled[-1].order.client_id))
    return wishes
