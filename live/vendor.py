"""Bars from Alpaca's data host, as a bar table: complete ones only, with what was wrong beside them.

In: symbols, a span, an interval; feed and adjustment are always said. Out: a `Delivery`.

1. Raw bars by pages. A page that repeats its token would be followed for ever: it ends the delivery.
2. The same bars adjusted for splits and dividends; the ratio of the closes is `adj_factor`.
3. Stamps become closes by the exchange's calendar. A bar that is not over yet is left out: the vendor shows
   it, and it will change.
4. Every row is held against the rules of the bar table. A row that breaks one is left out and told, and so is
   a symbol that the vendor says nothing of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import polars as pl

from live.line import Line
from live.schedule import LENGTHS
from research.data.bars import DroppedRows, validate_bars
from research.data.stamps import Clock, bar_closes
from research.errors import BadValue, DataError, Unreachable

__all__ = ["INTERVALS", "Delivery", "fetch"]

# Alpaca's words, and ours for the length of a bar.
INTERVALS: Final[Mapping[str, str]] = {
    "1Min": "1min", "5Min": "5min", "15Min": "15min", "30Min": "30min", "1Hour": "1h", "1Day": "1d",
}  # fmt: skip
_FEEDS: Final = ("iex", "sip", "delayed_sip", "otc", "boats", "overnight")
_MOST_PAGES: Final = 10_000
_STAMP_LENGTH: Final = len("2000-01-03T14:30:00Z")
_FIELDS: Final = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_RAW: Final[dict[str, Any]] = {"symbol": pl.String, "t": pl.String, **dict.fromkeys(_FIELDS, pl.Float64)}


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
        Bars that were left out, and why, one line each.
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

    Raises
    ------
    BadValue
        An interval or feed that does not exist, no symbols, a naive `end`.
    Unreachable
        No answer, or one whose pages do not end.
    """
    if interval not in INTERVALS:
        raise BadValue(f"`interval` must be one of {', '.join(INTERVALS)}, was {interval!r}")
    if feed not in _FEEDS:
        raise BadValue(f"`feed` must be one of {', '.join(_FEEDS)}, was {feed!r}")
    wanted = sorted(set(symbols))
    if not wanted:
        raise BadValue("`symbols` must name at least one symbol, was empty")
    if end.tzinfo is None:
        raise BadValue(f"`end` must carry a time zone, was {end.isoformat()}; use datetime.now(UTC)")
    query = {
        "symbols": ",".join(wanted),
        "timeframe": interval,
        "start": _stamp(start),
        "end": _stamp(end),
        "feed": feed,
        "limit": 10_000,
        "sort": "asc",
    }
    raw = _asked(line, {**query, "adjustment": "raw"})
    adjusted = _asked(line, {**query, "adjustment": "all"})
    strange = sorted(set(raw["symbol"]) - set(wanted))
    faults = [f"{symbol}: bars came that were not asked for" for symbol in strange]
    if raw.height == adjusted.height and all(raw[name].equals(adjusted[name]) for name in ("symbol", "t")):
        raw = raw.with_columns(adjusted=adjusted["c"])  # row by row, as it mostly is
    if strange:
        raw = raw.filter(pl.col("symbol").is_in(wanted))
    table = _closed(raw, interval, end, faults)
    if "adjusted" not in table.columns:
        theirs = _closed(adjusted, interval, end, [])
        factor = theirs.select("symbol", "bar_close", adjusted="close").unique(["symbol", "bar_close"])
        table = table.join(factor, on=["symbol", "bar_close"], how="left", maintain_order="left")
    table = table.with_columns(adj_factor=pl.col("adjusted") / pl.col("close"))
    if table["adj_factor"].null_count():
        unpaired = table.filter(pl.col("adj_factor").is_null()).select("symbol", "bar_close").rows()
        faults += [_fault(symbol, close, "no adjusted bar") for symbol, close in unpaired]
        table = table.drop_nulls("adj_factor")
    table = table.sort("symbol", "bar_close")
    dropped = DroppedRows()
    bars = validate_bars(table, on_bad="drop", dropped=dropped)
    faults += [_fault(*row) for row in dropped.rows.select("symbol", "bar_close", "rule").rows()]
    have = set(bars["symbol"].unique().to_list())
    return Delivery(bars, tuple(s for s in wanted if s not in have), tuple(faults))


def _asked(line: Line, query: Mapping[str, object]) -> pl.DataFrame:
    """Return the rows of all pages: symbol, t, o, h, l, c, v; null where a value is missing or no number."""
    rows: list[tuple[object, ...]] = []
    token: str | None = None
    seen: set[str] = set()
    for _ in range(_MOST_PAGES):
        page = line.read("/stocks/bars", query if token is None else {**query, "page_token": token})
        if not isinstance(page, Mapping) or "bars" not in page:
            raise Unreachable("the vendor's answer holds no bars; it is asked again at the next turn")
        # "bars": null is how it says that there are none.
        by_symbol = {} if page["bars"] is None else page["bars"]
        if not isinstance(by_symbol, Mapping):
            raise Unreachable("the vendor's bars cannot be read; they are asked for again at the next turn")
        for symbol, bars in by_symbol.items():
            if bars is not None and not isinstance(bars, list):
                raise Unreachable(
                    f"the vendor's bars of {symbol} cannot be read; they are asked for again at the next turn"
                )
            rows += [_row(str(symbol), bar) for bar in bars or ()]
        token = page.get("next_page_token")
        if token is None or token == "":
            return pl.DataFrame(rows, schema=_RAW, orient="row")
        # Never "the last page" for a token that was none: the newest bars would be those that are missing.
        if not isinstance(token, str) or token in seen:
            break
        seen.add(token)
    raise Unreachable("the vendor's pages of bars do not end; they are asked for again at the next turn")


def _row(symbol: str, bar: object) -> tuple[object, ...]:
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


def _closed(rows: pl.DataFrame, interval: str, end: datetime, faults: list[str]) -> pl.DataFrame:
    """Turn stamps into closes; leave out what is not over at `end`, and tell of what has no close."""
    table = rows.rename(_FIELDS)
    if table.is_empty():
        closes = pl.Series("bar_close", [], dtype=pl.Datetime("us", "UTC"))
        return table.drop("t").with_columns(bar_close=closes)
    if (plain := _plain_closes(table["t"], interval)) is not None:
        return table.drop("t").with_columns(bar_close=plain).filter(pl.col("bar_close") <= end)
    try:
        closes, whys = bar_closes(table["t"], Clock(interval=INTERVALS[interval]), "Alpaca")
    except DataError as problem:  # it would ask the user to mend a file, which this is not
        raise Unreachable(f"the vendor's stamps cannot be read ({problem})") from problem
    table = table.with_columns(bar_close=closes, why=whys)
    for symbol, stamp, why in table.filter(pl.col("bar_close").is_null()).select("symbol", "t", "why").rows():
        faults.append(f"{symbol}, stamp {stamp}: {why or 'no close'}")
    return table.drop("t", "why").filter(pl.col("bar_close") <= end)


def _plain_closes(stamps: pl.Series, interval: str) -> pl.Series | None:
    """Return the closes of intraday bars stamped as Alpaca does it, the nearest a bar's length apart.

    None of anything else, which `bar_closes` knows how to read or refuse: it knows many spellings, at the
    price of ten milliseconds at each bar.
    """
    length = LENGTHS[interval]
    if length is None:
        return None
    begins = stamps.str.strptime(pl.Datetime("us"), "%Y-%m-%dT%H:%M:%SZ", strict=False)
    odd = stamps.str.len_bytes() != _STAMP_LENGTH  # such as 9:3:00, which the rules refuse
    if begins.null_count() or odd.any() or begins.unique().sort().diff().min() != length:
        return None
    return (begins + length).dt.replace_time_zone("UTC")


def _fault(symbol: str, close: datetime, why: str) -> str:
    return f"{symbol}, {close:%Y-%m-%d %H:%M} UTC: {why}"


def _stamp(instant: date | datetime) -> str:
    if not isinstance(instant, datetime):
        return instant.isoformat()
    known = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return known.strftime("%Y-%m-%dT%H:%M:%SZ")
