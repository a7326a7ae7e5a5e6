"""Bars from Alpaca's data host, as a bar table: complete ones only, with what was wrong beside them.

In: symbols, a span, an interval; feed and adjustment are always said. Out: a `Delivery`.

1. Raw bars by pages. A page that repeats its token would be followed for ever: it ends the delivery.
2. The same bars adjusted for splits and dividends; the ratio of the closes is `adj_factor`.
3. Stamps become closes by the exchange's calendar. A bar that is not over yet is left out: the vendor shows
   it, and it will change.
4. Intraday bars outside the broker's sessions are left out, and that is told: the vendor has extended hours
   among them and no way to ask for less. Hours are put together from half hours (`live.session_bars`).
5. Every row is held against the rules of the bar table. A row that breaks one is left out and told, and so is
   a symbol that the vendor says nothing of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

import polars as pl

from live.line import Line
from live.schedule import LENGTHS, Hours
from live.session_bars import hourly, in_sessions
from research.data.bars import DroppedRows, validate_bars
from research.data.stamps import Clock, bar_closes
from research.errors import BadValue, DataError, Unreachable

__all__ = ["FEEDS", "INTERVALS", "OUTSIDE", "Delivery", "fetch"]

# Alpaca's words, and ours for the length of a bar.
INTERVALS: Final[Mapping[str, str]] = {
    "1Min": "1min", "5Min": "5min", "15Min": "15min", "30Min": "30min", "1Hour": "1h", "1Day": "1d",
}  # fmt: skip
OUTSIDE: Final = "bars outside the broker's sessions (extended hours)"
FEEDS: Final = ("iex", "sip", "delayed_sip", "otc", "boats", "overnight")
_MOST_PAGES: Final = 10_000
_PLAIN: Final = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\dZ", re.ASCII)
_INSTANT: Final = pl.Datetime("us", "UTC")
_FIELDS: Final = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_RAW: Final = ("symbol", "t", *_FIELDS.values())
_CLOSE: Final = _RAW.index("close")
Row = tuple[Any, ...]  # of one bar: `_RAW`, then perhaps its adjusted close


@dataclass(frozen=True, eq=False)
class Delivery:
    """What a question for bars brought.

    Attributes
    ----------
    bars : DataFrame
        A bar table with `adj_factor`.
    missing : tuple of str
        Symbols of which no bar came.
    faults : tuple of str
        Bars that were left out, and why, one line each; those outside the sessions in one line together.
    """

    bars: pl.DataFrame
    missing: tuple[str, ...]
    faults: tuple[str, ...]


def fetch(
    line: Line,
    symbols: Sequence[str],
    start: date | datetime,
    end: datetime,
    *,
    interval: str = "1Day",
    feed: str = "iex",
    hours: Sequence[Hours] | None = None,
) -> Delivery:
    """Ask for the bars that were complete at `end`.

    Parameters
    ----------
    line : Line
        To the data host.
    symbols : sequence of str
    start : date or datetime
        The first bar's; naive is UTC.
    end : datetime
        UTC. Now, or earlier: what ends later is left out.
    interval : str
        One of `INTERVALS`.
    feed : str
        Whose trades the bars are of: "iex" is one exchange, a few percent of the volume; "sip" is all.
    hours : sequence of Hours, optional
        The broker's sessions of the span; intraday bars need them, daily ones do not.

    Raises
    ------
    BadValue
        An interval or feed that does not exist, no symbols, a naive `end`, intraday bars without sessions.
    Unreachable
        No answer, or one whose pages do not end.
    """
    if interval not in INTERVALS:
        raise BadValue(f"`interval` must be one of {', '.join(INTERVALS)}, was {interval!r}")
    if feed not in FEEDS:
        raise BadValue(f"`feed` must be one of {', '.join(FEEDS)}, was {feed!r}")
    wanted = sorted(set(symbols))
    if not wanted:
        raise BadValue("`symbols` must name at least one symbol, was empty")
    if end.tzinfo is None:
        raise BadValue(f"`end` must carry a time zone, was {end.isoformat()}; use datetime.now(UTC)")
    if interval != "1Day" and hours is None:
        raise BadValue(f"`hours` must be the sessions of the span for {interval} bars, was None")
    part = "30Min" if interval == "1Hour" else interval
    if part != interval:  # from a whole hour on, of any session
        start = datetime.combine(start, time(), start.tzinfo if isinstance(start, datetime) else None)
    query = {
        "symbols": ",".join(wanted),
        "timeframe": part,
        "start": _stamp(start),
        "end": _stamp(end),
        "feed": feed,
        "limit": 10_000,
        "sort": "asc",
    }
    raw = _asked(line, {**query, "adjustment": "raw"})
    adjusted = _asked(line, {**query, "adjustment": "all"})
    strange = sorted({row[0] for row in raw} - set(wanted))
    faults = [f"{symbol}: bars came that were not asked for" for symbol in strange]
    paired = [row[:2] for row in raw] == [row[:2] for row in adjusted]  # row by row, as it mostly is
    if paired:
        raw = [(*row, theirs[_CLOSE]) for row, theirs in zip(raw, adjusted, strict=True)]
    if strange:
        raw = [row for row in raw if row[0] in wanted]
    table = _closed(raw, part, end, faults)
    if hours is not None and (length := LENGTHS[part]) is not None:
        inside = in_sessions(table["bar_close"], hours, length)
        if not inside.all():
            faults.append(OUTSIDE)
            table = table.filter(inside)
    if not paired:
        theirs = _closed(adjusted, part, end, [])
        factor = theirs.select("symbol", "bar_close", adjusted="close").unique(["symbol", "bar_close"])
        table = table.join(factor, on=["symbol", "bar_close"], how="left", maintain_order="left")
    table = table.with_columns(adj_factor=pl.col("adjusted") / pl.col("close"))
    bad: list[tuple[str, datetime]] = []
    if table["adj_factor"].null_count():
        bad += table.filter(pl.col("adj_factor").is_null()).select("symbol", "bar_close").rows()
        faults += [_fault(symbol, close, "no adjusted bar") for symbol, close in bad]
        table = table.drop_nulls("adj_factor")
    dropped = DroppedRows()
    bars = validate_bars(table, on_bad="drop", dropped=dropped)
    if len(dropped):
        bad += dropped.rows.select("symbol", "bar_close").rows()
        faults += [_fault(*row) for row in dropped.rows.select("symbol", "bar_close", "rule").rows()]
    if part != interval and hours is not None:
        bars = hourly(bars, hours, end, bad)
    have = set(bars["symbol"].unique().to_list())
    return Delivery(bars, tuple(s for s in wanted if s not in have), tuple(faults))


def _asked(line: Line, query: Mapping[str, object]) -> list[Row]:
    """Return the rows of all pages, as `_RAW` has them; None where a value is missing or no number."""
    rows: list[Row] = []
    token: str | None = None
    seen: set[str] = set()
    for _ in range(_MOST_PAGES):
        page = line.read("/stocks/bars", query if token is None else {**query, "page_token": token})
        if not isinstance(page, Mapping) or "bars" not in page:
            raise Unreachable(f"the vendor's answer holds no bars; {line.remedy}")
        # "bars": null is how it says that there are none.
        by_symbol = {} if page["bars"] is None else page["bars"]
        if not isinstance(by_symbol, Mapping):
            raise Unreachable(f"the vendor's bars cannot be read; {line.remedy}")
        for symbol, bars in by_symbol.items():
            if bars is not None and not isinstance(bars, list):
                raise Unreachable(f"the vendor's bars of {symbol} cannot be read; {line.remedy}")
            rows += [_row(str(symbol), bar) for bar in bars or ()]
        token = page.get("next_page_token")
        if token is None or token == "":
            return rows
        # Never "the last page" for a token that was none: the newest bars would be those that are missing.
        if not isinstance(token, str) or token in seen:
            break
        seen.add(token)
    raise Unreachable(f"the vendor's pages of bars do not end; {line.remedy}")


def _row(symbol: str, bar: object) -> Row:
    told = bar if isinstance(bar, Mapping) else {}
    stamp = told.get("t")
    return (symbol, stamp if isinstance(stamp, str) else None, *(_number(told.get(name)) for name in _FIELDS))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number that no float can hold
        return None


def _closed(rows: list[Row], interval: str, end: datetime, faults: list[str]) -> pl.DataFrame:
    """Turn stamps into closes; leave out what is not over at `end`, and tell of what has no close.

    A row may have one more value, the adjusted close. The table comes sorted by symbol and close.
    """
    names = [*_RAW, "adjusted"][: len(rows[0]) if rows else None]
    kinds = dict.fromkeys(names, pl.Float64) | {"symbol": pl.String, "t": pl.String}
    if (plain := _plain_closes([row[1] for row in rows], interval)) is not None:
        rows = sorted((row for row in rows if plain[row[1]] <= end), key=itemgetter(0, 1))
        table = pl.DataFrame(rows, schema=kinds, orient="row")
        closes = pl.Series([plain[row[1]] for row in rows], dtype=_INSTANT)
        return table.drop("t").with_columns(bar_close=closes)
    table = pl.DataFrame(rows, schema=kinds, orient="row")
    if not rows:
        return table.drop("t").with_columns(bar_close=pl.Series([], dtype=_INSTANT))
    try:
        closes, whys = bar_closes(table["t"], Clock(interval=INTERVALS[interval]), "Alpaca")
    except DataError as problem:  # it would ask the user to mend a file, which this is not
        raise Unreachable(f"the vendor's stamps cannot be read ({problem})") from problem
    table = table.with_columns(bar_close=closes, why=whys)
    for symbol, stamp, why in table.filter(pl.col("bar_close").is_null()).select("symbol", "t", "why").rows():
        faults.append(f"{symbol}, stamp {stamp}: {why or 'no close'}")
    table = table.drop("t", "why").filter(pl.col("bar_close") <= end)
    return table.sort("symbol", "bar_close", maintain_order=True)


def _plain_closes(stamps: Sequence[str | None], interval: str) -> dict[str | None, datetime] | None:
    """Return by stamp the closes of intraday bars stamped as Alpaca does it, on a grid of their length.

    None of anything else, which `bar_closes` knows how to read or refuse: it knows many spellings, at the
    price of ten milliseconds at each bar.
    """
    length = LENGTHS[interval]
    known = set(stamps)
    if length is None or not all(stamp is not None and _PLAIN.fullmatch(stamp) for stamp in known):
        return None
    try:
        closes: dict[str | None, datetime] = {
            stamp: datetime.fromisoformat(stamp) + length for stamp in known if stamp is not None
        }
    except (ValueError, OverflowError):  # such as the 31st of June, or the last minute of the year 9999
        return None
    # On a grid of this length and on none that is wider, as bars of another length would be; a symbol that is
    # traded seldom may have no two bars next to each other.
    order, unit = sorted(closes.values()), timedelta(microseconds=1)
    if math.gcd(*((later - earlier) // unit for earlier, later in pairwise(order))) != length // unit:
        return None
    return closes


def _fault(symbol: str, close: datetime, why: str) -> str:
    return f"{symbol}, {close:%Y-%m-%d %H:%M} UTC: {why}"


def _stamp(instant: date | datetime) -> str:
    if not isinstance(instant, datetime):
        return instant.isoformat()
    known = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return known.strftime("%Y-%m-%dT%H:%M:%SZ")
