"""Bars as they come in: what is new since the engine's last one, and what was said of older ones since.

In: the data host, the journal. Out: blocks of one instant each, oldest first; bars that the vendor has
corrected meanwhile; bars that were refused. A correction changes nothing that was decided: it is told.

Daily bars are asked for with twelve days before them. Of shorter ones a question is wide or narrow: 150 bars
back at the first question of a process and of a day and after every 30 bars taken, else five bars back; each
symbol's last bar is in both. So a correction is told at once if its bar is one of the last five, else at the
next wide question, at most 30 bars later; what the journal holds decides which it is, never a clock here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from live.rows import Event
from live.schedule import LENGTHS
from live.vendor import fetch

if TYPE_CHECKING:
    from live.journal import Journal
    from live.line import Line
    from live.schedule import Hours

__all__ = ["LOOK_BACK", "Arrivals", "News"]

# Corrections and re-based factors of so long are seen: of daily bars some sessions, of others some bars.
LOOK_BACK: Final = timedelta(days=12)
_WIDE, _NARROW = 150, 5  # bars asked for again: 120, and those taken between two wide questions
_WIDE_EVERY: Final = 30  # bars taken
_RAW: Final = ("open", "high", "low", "close", "volume")
# By symbol and close, oldest first: `_RAW`, then the factor.
Bars = dict[tuple[str, datetime], tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class News:
    """What one question brought.

    Attributes
    ----------
    blocks : list of DataFrame
        New bars, one instant each, oldest first.
    anchor : DataFrame
        Each symbol's last bar that the engine has taken, as the vendor now adjusts it.
    events : list of Event
        Corrections and refusals.
    behind : frozenset of str
        Symbols that have bars now which came after that instant had been taken: they are left out.
    """

    blocks: list[pl.DataFrame]
    anchor: pl.DataFrame
    events: list[Event]
    behind: frozenset[str] = frozenset()

    def until(self, due: datetime) -> tuple[list[pl.DataFrame], pl.DataFrame | None]:
        """Return the new bars before an instant, and those of it; None: there are none.

        What is newer has not had its time to come in: some of its symbols may be still to come.
        """
        closes = [(block["bar_close"][0].replace(tzinfo=UTC), block) for block in self.blocks]
        at = [block for close, block in closes if close == due]
        return [block for close, block in closes if close < due], at[0] if at else None


class Arrivals:
    """Ask for bars.

    Parameters
    ----------
    line : Line
        To the data host.
    symbols : sequence of str
    timeframe : str
        As `live.vendor.INTERVALS` has it.
    feed : str
        "iex" or "sip".
    journal : Journal
        With the bars that were taken.
    """

    def __init__(
        self, line: Line, symbols: Sequence[str], timeframe: str, feed: str, journal: Journal
    ) -> None:
        self._line, self._symbols, self._timeframe, self._feed = line, tuple(symbols), timeframe, feed
        self._journal = journal
        self._wide: tuple[date, int] | None = None  # the last wide question: its day, the bars taken by then

    def beats(self, beat: Callable[[], None]) -> None:
        """Let something be called before each request, in the caller's thread."""
        self._line.beat = beat

    def since(self, last: datetime, now: datetime, hours: Sequence[Hours]) -> News:
        """Return what is new after `last`, of what is complete at `now`; both UTC.

        Parameters
        ----------
        last, now : datetime
        hours : sequence of Hours
            The broker's sessions since `LOOK_BACK` before `last`; bars outside them are told once and left
            out.

        Raises
        ------
        Unreachable
        """
        asked = self._asked_at(now)
        back = self._back(last, _WIDE if asked != self._wide else _NARROW)
        frame, feed = self._timeframe, self._feed
        told = fetch(self._line, self._symbols, back, now, interval=frame, feed=feed, hours=hours)
        self._wide = asked  # answered
        old, new = (
            told.bars.filter(side) for side in (pl.col("bar_close") <= last, pl.col("bar_close") > last)
        )
        seen = {(row[0], row[1]): row[2:] for row in old.sort("bar_close", "symbol").rows()}
        taken = self._taken(back)
        events = [Event("bar refused", fault) for fault in told.faults]
        events = self._news(events + _corrections(seen, taken))
        blocks = new.sort("bar_close", "symbol").partition_by("bar_close", maintain_order=True)
        begin = self._begin()
        anchor = pl.DataFrame(_anchor(seen, taken, begin), schema=old.schema, orient="row")
        return News(blocks, anchor, events, _behind(seen, taken, begin))

    def _begin(self) -> datetime | None:
        """Return the close of the journal's first bar."""
        ((first,),) = self._journal.rows(
            "SELECT min(bar_close) FROM bars WHERE bar = (SELECT min(bar) FROM bars)"
        )
        return None if first is None else datetime.fromisoformat(first)

    def _news(self, events: list[Event]) -> list[Event]:
        """Return those that the journal does not have: what is wrong with a bar is seen at each question."""
        if not events:
            return []
        rows = self._journal.rows("SELECT text FROM events WHERE kind IN ('bar refused', 'corrected bar')")
        known = {text for (text,) in rows}
        return [event for event in events if event.text not in known]

    def _asked_at(self, now: datetime) -> tuple[date, int]:
        """Return the last wide question's day and bars, or this one's if it has to be wide."""
        ((taken,),) = self._journal.rows("SELECT max(bar) FROM bars")
        bars = -1 if taken is None else int(taken)
        if self._wide is not None and self._wide[0] == now.date() and bars - self._wide[1] < _WIDE_EVERY:
            return self._wide
        return now.date(), bars

    def _back(self, last: datetime, bars: int) -> datetime:
        """Return since when bars are asked for again; the last one of each symbol is among them."""
        length = LENGTHS[self._timeframe]
        if length is None:
            return last - LOOK_BACK
        ((oldest,),) = self._journal.rows(
            """SELECT min(newest) FROM (SELECT max(bar_close) AS newest FROM bars
               WHERE bar > (SELECT max(bar) FROM bars) - ? GROUP BY symbol)""",
            LOOK_BACK // length,
        )
        begin = last if oldest is None else datetime.fromisoformat(oldest)
        return max(begin - bars * length, last - LOOK_BACK)

    def _taken(self, back: datetime) -> Bars:
        """Return the journal's bars since an instant, oldest first."""
        rows = self._journal.rows(
            "SELECT symbol, bar_close, open, high, low, close, volume, factor FROM bars WHERE bar_close >= ? "
            "ORDER BY bar_close, symbol",
            back.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        return {(row[0], datetime.fromisoformat(row[1])): row[2:] for row in rows}


def _anchor(seen: Bars, taken: Bars, begin: datetime | None) -> list[tuple[Any, ...]]:
    """Return each symbol's last taken bar, with the close it was taken with and its factor of now.

    A bar that the vendor no longer tells of has the factor that an older one leads to: both were re-based
    alike. A symbol of which no bar is told now is left out; it keeps its last anchor. Before the first
    journalled bar, at `begin`, the engine has the vendor's own, all of one delivery; one that is later and
    not in the journal came after its time, and the engine does not have it.
    """
    ours = _last_of(taken)
    theirs = _last_of({key: row for key, row in seen.items() if begin is None or key[1] < begin})
    both = _last_of({key: taken[key] for key in seen if key in taken})
    rows = []
    for symbol in sorted(ours | theirs):
        if symbol not in ours:
            rows.append((symbol, theirs[symbol], *seen[symbol, theirs[symbol]]))
        elif symbol in both:
            key, common = (symbol, ours[symbol]), (symbol, both[symbol])
            *raw, factor = taken[key]
            ratio = seen[common][-1] / taken[common][-1]
            rows.append((*key, *raw, seen[key][-1] if key in seen else factor * ratio))
    return rows


def _behind(seen: Bars, taken: Bars, begin: datetime | None) -> frozenset[str]:
    """Return the symbols whose last bar told is newer than their last one taken."""
    ours = _last_of(taken)
    last = {symbol: close for symbol, close in _last_of(seen).items() if begin is not None and close >= begin}
    return frozenset(s for s, close in last.items() if s not in ours or ours[s] < close)


def _last_of(bars: Bars) -> dict[str, datetime]:
    """Return each symbol's last close."""
    return {symbol: close for symbol, close in bars}  # noqa: C416 - of pairs, the last of each symbol


def _corrections(seen: Bars, taken: Bars) -> list[Event]:
    """Tell of bars that are no longer what they were when they were taken."""
    events = []
    for (symbol, close), told in seen.items():
        known = taken.get((symbol, close))
        if known is None or known[:-1] == told[:-1]:
            continue
        parts = [
            f"{name} {was:g}, now {now:g}"
            for name, was, now in zip(_RAW, known, told, strict=False)
            if was != now
        ]
        text = f"bar of {close:%Y-%m-%d %H:%M} UTC: {'; '.join(parts)}; nothing is decided anew"
        events.append(Event("corrected bar", text, symbol))
    return events
