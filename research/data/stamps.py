"""Dates and times as vendors write them, turned into `bar_close` instants.

In: a column of dates, stamps, epoch numbers or texts. Out: the UTC instant at which each bar is complete,
null with a reason where there is none. What the file does not say (time zone of a bare time, length of an
intraday bar, order of day and month) is asked for, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from research.data.sessions import session_closes, sessions
from research.data.walltimes import as_written
from research.errors import BadValue, DataError, UnknownName

__all__ = ["Clock", "bar_closes"]

INSTANT = pl.Datetime("us", "UTC")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Clock:
    """What a file does not say about its own stamps.

    Attributes
    ----------
    interval : str or None
        Length of a bar: "1min", "1h", "1d" …
    exchange : str or None
        Whose sessions daily dates are; None: around the clock.
    timezone : str or None
        IANA zone of intraday stamps that carry none.
    day_first : bool or None
        Whether 1/2/2020 is the first of February.
    """

    interval: str | None = None
    exchange: str | None = "XNYS"
    timezone: str | None = None
    day_first: bool | None = None


def bar_closes(
    stamps: pl.Series, clock: Clock, source: str, *, closes: bool = False
) -> tuple[pl.Series, pl.Series]:
    """Turn stamps into `bar_close`.

    Parameters
    ----------
    stamps : (M,) Series
        Date, Datetime, integer epoch, or text.
    clock : Clock
    source : str
        File name for messages.
    closes : bool
        The stamps are bar closes already, not starts or dates.

    Returns
    -------
    instants : (M,) Datetime[us, UTC]
        Null where a stamp cannot be one.
    faults : (M,) str
        Why; null where all is well.

    Raises
    ------
    DataError
        What the stamps leave open and `clock` does not say.
    """
    step = _interval(clock.interval)
    wall, offset, faults = as_written(stamps, clock.day_first, source)
    offset_known = offset.is_not_null().any()
    midnight = bool((wall.drop_nulls().dt.time() == time()).all())
    day = timedelta(days=1)
    if step is not None and step > day:
        raise BadValue(
            f"`interval` must be at most 1d, was {clock.interval!r}; read daily bars and resample them"
        )

    if not midnight and offset_known and not closes and step in (None, day):
        # Alpaca writes a day as its local midnight in UTC: 05:00Z is 00:00 in New York.
        local = _local(wall - offset, clock)
        if local is not None and bool((local.drop_nulls().dt.time() == time()).all()):
            wall, midnight, offset_known = local, True, False
    if not closes and (midnight or step == day):
        if step is not None and step != day and wall.len() > 1:
            raise DataError(
                f"{source}: its stamps are dates, so `interval` must be '1d', was {clock.interval!r}"
            )
        return _daily(wall, offset if offset_known else None, faults, clock, source, sure=step is not None)
    instants, faults = _zoned(wall, offset, faults, clock, source)
    if closes:
        return instants, faults
    if step is None:
        gap = _least_gap(instants)
        looks = f" (they look like {_spell(gap)})" if gap is not None else ""
        raise DataError(
            f"{source}: stamps of intraday bars are their starts, and how long the bars are is not "
            f"said{looks}; "
            f"{_say_interval(_spell(gap) if gap is not None else '1min')}"
        )
    gap = _least_gap(instants)
    if gap is not None and (gap < step or (gap > step and wall.len() >= 20)):
        raise DataError(
            f"{source}: bars are {_spell(gap)} apart, so `interval` cannot be {clock.interval!r}; "
            f"{_say_interval(_spell(gap))}"
        )
    return (instants + step).cast(INSTANT), faults


def _daily(
    wall: pl.Series, offset: pl.Series | None, faults: pl.Series, clock: Clock, source: str, *, sure: bool
) -> tuple[pl.Series, pl.Series]:
    dates = wall.dt.date()
    days = dates.unique().drop_nulls().sort().to_numpy().astype("datetime64[D]")
    if not sure and days.size >= 3:
        gap = int(np.median(np.diff(days).astype(np.int64)))
        if gap >= 5:
            raise DataError(
                f"{source}: its dates are {gap} days apart; weekly and monthly bars are not read (a "
                f"week's first day "
                f"says nothing of its close), read daily ones, or if these are days {_say_interval('1d')}"
            )
    if offset is not None and clock.exchange is not None:
        home = wall.dt.replace_time_zone(
            sessions(clock.exchange).time_zone, ambiguous="earliest", non_existent="null"
        )
        written = (offset != timedelta(0)) & (offset != home.dt.base_utc_offset() + home.dt.dst_offset())
        if bool(written.any()):
            at = written.arg_true()[0]
            raise DataError(
                f"{source}: stamps are {_spell_offset(offset[at])} from UTC, which is not the time of "
                f"{clock.exchange}; say their own exchange's code with exchange= (--exchange), or None "
                f"(none) for round-the-clock data"
            )
    known = pl.DataFrame({"date": days}, schema={"date": pl.Date}).with_columns(
        close=pl.Series(session_closes(days, clock.exchange))
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone("UTC")
    )
    closes = pl.DataFrame({"date": dates}).join(known, on="date", how="left", maintain_order="left")["close"]
    off = pl.select(
        pl.when(closes.is_null() & dates.is_not_null()).then(
            pl.concat_str(
                pl.lit(
                    f"a daily date must be a session of {clock.exchange} (say another one with exchange= or "
                    f"--exchange, None or none for round-the-clock data), was "
                ),
                dates.cast(pl.String),
            )
        )
    ).to_series()
    return closes, pl.select(pl.coalesce(faults, off)).to_series()


def _zoned(
    wall: pl.Series, offset: pl.Series, faults: pl.Series, clock: Clock, source: str
) -> tuple[pl.Series, pl.Series]:
    aware = (wall - offset).dt.replace_time_zone("UTC")
    bare = wall.is_not_null() & offset.is_null()
    if not bool(bare.any()):
        return aware.cast(INSTANT), faults
    if clock.timezone is None:
        raise DataError(
            f"{source}: times such as {wall.filter(bare)[0]} carry no time zone; say timezone='UTC' or "
            f"timezone='America/New_York' (--timezone UTC)"
        )
    zone = _zone(clock.timezone)
    there = wall.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")
    instants = pl.select(pl.coalesce(aware, there)).to_series().cast(INSTANT)
    lost = pl.select(
        pl.when(instants.is_null() & wall.is_not_null()).then(
            pl.concat_str(
                pl.lit(f"a time must be one instant in {zone} (clocks change there), was "),
                wall.cast(pl.String),
            )
        )
    ).to_series()
    return instants, pl.select(pl.coalesce(faults, lost)).to_series()


def _local(utc: pl.Series, clock: Clock) -> pl.Series | None:
    if clock.exchange is None:
        return None
    zone = sessions(clock.exchange).time_zone
    return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UnknownName(
            "timezone", name, ("UTC", "America/New_York", "Europe/London", "Asia/Tokyo")
        ) from None
    return name


def _interval(text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+) ?([a-z]+)", text.strip().lower()) if "M" not in text else None
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None or int(match[1]) == 0:
        raise BadValue(f"`interval` must be such as '1min', '5min', '1h' or '1d', was {text!r}")
    return timedelta(seconds=unit * int(match[1]))


def _least_gap(instants: pl.Series) -> timedelta | None:
    gaps = instants.unique().drop_nulls().sort().diff().drop_nulls()
    least = gaps.min()
    return least if isinstance(least, timedelta) else None


def _say_interval(text: str) -> str:
    return f"say interval='{text}' (--interval {text})"


def _spell(gap: timedelta) -> str:
    seconds = int(gap.total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{max(seconds, 1)}s"


def _spell_offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
