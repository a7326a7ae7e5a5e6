"""Splits to come: what was decided before one, in the shares and at the prices after it.

In: the sessions, who can be asked for a day's splits, the engine's last bar. Out: the splits of the session
that follows that bar, entries and last prices restated by them. The engine restates what waits with the
split's bar, hours after it was to be sent: until then the old shares, at the new price, are other money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from live.orders import Leg
from live.schedule import EASTERN

if TYPE_CHECKING:
    from live.book import Book
    from live.orders import Order
    from live.risk_context import Quote
    from live.schedule import Schedule
    from live.splits import Splits
    from live.tracks import Track, Tracks
    from research.engine import UnifiedTradingEngine

__all__ = ["Coming", "at_open", "quotes_now", "recalled", "restated"]

ONE: Final = Decimal(1)


class Coming:
    """The splits of today, and of the session that what was decided last fills in.

    Parameters
    ----------
    ask : callable
        The splits of a day, by symbol; raises `Unreachable`.
    """

    def __init__(self, ask: Callable[[date], Mapping[str, Decimal]]) -> None:
        self._ask = ask
        self._asked: date | None = None  # when
        self._known: dict[date, Mapping[str, Decimal]] = {}

    def begin(self, today: date) -> Mapping[str, Decimal]:
        """Ask for a day's splits as it begins; what was known of other days is asked for anew."""
        self._asked, self._known = today, {today: self._ask(today)}
        return self._known[today]

    def of(self, day: date) -> Mapping[str, Decimal]:
        """Return a day's splits, as far as they were asked for."""
        return self._known.get(day, {})

    def look_ahead(self, schedule: Schedule, now: datetime, last: datetime | None) -> None:
        """Ask for the splits of the session that follows a bar, once its auction takes orders.

        Raises
        ------
        Unreachable
        """
        day = _day_after(schedule, last)
        ahead = day is not None and self._asked is not None and day > self._asked
        if ahead and day is not None and day not in self._known and schedule.opg_until(now) is not None:
            self._known[day] = self._ask(day)

    def after(self, schedule: Schedule, last: datetime | None) -> Mapping[str, Decimal]:
        """Return the splits of the session that follows a bar, as far as they were asked for."""
        day = _day_after(schedule, last)
        return {} if day is None else self.of(day)

    def quotes(
        self, quotes: Mapping[str, Quote], tracks: Tracks, schedule: Schedule, now: datetime, last: datetime
    ) -> Mapping[str, Quote]:
        """Return the prices of a bar, the last one taken, in the shares that the broker counts by now."""
        begins = schedule.fills_at(last)
        old = tracks.holdings if begins is not None and now < begins else ()
        return quotes_now(quotes, tracks.splits, self.after(schedule, last), old)


def _day_after(schedule: Schedule, last: datetime | None) -> date | None:
    """Return the day of the session that begins after a bar; None if the bar's own goes on."""
    begins = None if last is None else schedule.fills_at(last)
    return None if begins is None or begins == last else begins.astimezone(EASTERN).date()


def restated(shares: Decimal, ratio: Decimal, *, fractional: bool) -> Decimal:
    """Return the shares of a waiting entry after a split: by the kernel's own function; 0 if none are left.

    Parameters
    ----------
    shares : Decimal
        As decided, > 0.
    ratio : Decimal
        Shares that one share becomes.
    fractional : bool

    Examples
    --------
    >>> restated(Decimal(39), Decimal("0.1"), fractional=False)
    Decimal('3')
    """
    import numpy as np

    from research.kernels import account as ac
    from research.kernels.account_rows import PENDING, POSITION, TOTALS
    from research.kernels.fills import split_entry_nb

    # Of an account of its own, so that nothing but these shares is touched.
    totals = np.zeros((1, ac.N_TOTALS)).view(TOTALS)[0, 0]
    position = np.zeros((1, ac.N_POSITION)).view(POSITION)[0, 0]
    pending = np.zeros((1, ac.N_PENDING)).view(PENDING)[0, 0]
    pending["qty"] = float(shares)
    split_entry_nb(totals, position, pending, float(ratio), fractional)
    return Decimal(float(pending["qty"]))


def at_open(order: Order, splits: Mapping[str, Decimal], engine: UnifiedTradingEngine) -> Decimal:
    """Return the shares of a waiting entry as of the open that it fills at, with that session's splits."""
    shares, ratio = Decimal(order.quantity), splits.get(order.symbol)
    return shares if ratio is None else restated(shares, ratio, fractional=engine.execution.fractional)


def recalled(
    symbol: str, splits: Mapping[str, Decimal], tracks: Tracks, book: Book, engine: UnifiedTradingEngine
) -> list[tuple[Track, str]]:
    """Return the open entries of old shares that would fill after a split, and what is told of them."""
    found = []
    for track in tracks.open(symbol) if symbol in splits else ():
        order = book.get(track.order_id)
        if order is None or order.leg is not Leg.ENTRY or order.bar_close != engine.last_bar:
            continue
        if track.order.quantity != at_open(order, splits, engine):
            text = f"entry {order.id}, {track.order.quantity:f} shares, is cancelled: a split comes first"
            found.append((track, text))
    return found


def quotes_now(
    quotes: Mapping[str, Quote],
    splits: Splits,
    coming: Mapping[str, Decimal],
    held: Iterable[str] = (),
) -> dict[str, Quote]:
    """Return the last prices in the shares that the broker counts by now.

    Parameters
    ----------
    quotes : mapping
        As of the engine's last bar.
    splits : Splits
        Of shares that are held.
    coming : mapping of str to Decimal
        Splits of the session after that bar.
    held : iterable of str
        Symbols of which old shares are held: the session has not begun, and their price is the old one.
    """
    now, old = dict(quotes), set(held)
    for symbol, quote in quotes.items():
        ratio = splits.left(symbol)
        if ratio == ONE and symbol not in old:
            ratio = coming.get(symbol, ONE)
        if ratio != ONE:
            before = None if quote.before is None else quote.before / ratio
            now[symbol] = replace(quote, price=quote.price / ratio, before=before)
    return now
