"""The world as the risk door asks for it, put together from what the broker and the journal tell.

In: a picture of the account, our orders, limits, the last bars. Out: a `Context`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from live.limits import KILL
from live.risk_context import Context, Purpose, Quote
from live.rows import instant_of, utc_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from live.habits import Habits
    from live.journal import Journal
    from live.limits import Limits, Marks
    from live.risk_context import Asset, Session
    from live.tracks import Tracks
    from live.world import Picture

__all__ = ["Quotes", "context_of", "quotes_of"]

_BARS = 40  # back of which a symbol's last two closes are looked for


def context_of(
    picture: Picture,
    habits: Habits,
    tracks: Tracks,
    limits: Limits,
    *,
    marks: Marks | None,
    session: Session,
    quotes: Mapping[str, Quote],
    assets: Mapping[str, Asset],
    prefix: str,
) -> Context:
    """Return the world at the instant of a picture; what was sent since is reckoned in."""
    now, latched = picture.now, limits.latched()
    reserved = sum(
        (
            t.order.quantity * quotes[t.order.symbol].price
            for t in tracks.open()
            if t.purpose is Purpose.ENTER and t.sent_at >= now and t.order.symbol in quotes
        ),
        Decimal(0),
    )
    return Context(
        now=now,
        mode=habits.mode,
        host=habits.host,
        prefix=prefix,
        equity=picture.account.equity,
        day_equity=None if marks is None else marks.day_equity,
        peak_equity=None if marks is None else marks.peak_equity,
        buying_power=picture.account.buying_power,
        reserved=reserved,
        account_faults=picture.account.faults,
        shorting=picture.account.shorting,
        clock_skew=now - picture.clock.now,
        session=session,
        positions={symbol: held.quantity for symbol, held in tracks.holdings.items()},
        quotes=quotes,
        assets=assets,
        resting=tracks.resting(),
        used_ids=tracks.used_ids(),
        sent_at=tracks.sent_since(now - timedelta(days=1)),
        latched={name: latch.text for name, latch in latched.items() if name != KILL},
        killed=KILL in latched,
    )


def quotes_of(journal: Journal, bar: int) -> dict[str, Quote]:
    """Return the last close of each symbol and that before it, in shares of the last.

    Parameters
    ----------
    journal : Journal
    bar : int
        Index of the last bar taken.
    """
    rows = journal.rows(
        """SELECT symbol, bar_close, close, split, rank FROM (
               SELECT symbol, bar_close, close, split,
                      row_number() OVER (PARTITION BY symbol ORDER BY bar DESC) AS rank FROM bars
               WHERE bar > ?) WHERE rank <= 2 ORDER BY symbol, rank""",
        bar - _BARS,
    )
    quotes: dict[str, Quote] = {}
    ratio = Decimal(1)
    for symbol, when, close, split, rank in rows:
        price = Decimal(str(close))
        if rank == 1:
            at = utc_of(instant_of(when))
            quotes[symbol], ratio = Quote(price, at), Decimal(str(split))
        else:
            quotes[symbol] = replace(quotes[symbol], before=price / ratio)
    return quotes


class Quotes:
    """What `quotes_of` returns, read once for a bar: each order asks for it, only the next bar changes it.

    Parameters
    ----------
    journal : Journal
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read: tuple[int, dict[str, Quote]] | None = None

    def at(self, bar: int) -> Mapping[str, Quote]:
        """Return the last prices as of a bar, the last one that was taken."""
        if self._read is None or self._read[0] != bar:
            self._read = bar, quotes_of(self._journal, bar)
        return self._read[1]
