"""Dates and times as they are written, before it is asked which instant they mean.

In: a column of dates, times, epoch numbers or texts. Out: the wall time of each row and, where it is written,
its distance from UTC.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from research.errors import DataError

__all__ = ["as_written"]

_TIME = r"(?:[ T]+(\d{1,2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,9}))?)?)?$"
_YEAR_FIRST = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _TIME
_DIGITS = r"^(\d{4})(\d{2})(\d{2})\b"  # 20050131, rewritten with dashes
_YEAR_LAST = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _TIME
_ZONE = r"(\d:?\d{2}(?::?\d{2}(?:\.\d+)?)?) ?(Z|UTC|[+-]\d{2}:?\d{2})$"

_CALENDAR = (-62_135_510_400_000_000, 253_402_214_400_000_000)  # 0001-01-02 to 9999-12-31, µs since 1970

Written = tuple[pl.Series, pl.Series, pl.Series]


def as_written(stamps: pl.Series, day_first: bool | None, source: str) -> Written:
    """Read stamps without placing them in time.

    Parameters
    ----------
    stamps : (M,) Series
        Date, Datetime, integer (epoch in s, ms, µs or ns, or 20050131), or text.
    day_first : bool or None
        Whether 1/2/2020 is the first of February; None: told by the days above 12.
    source : str
        File name for messages.

    Returns
    -------
    wall : (M,) Datetime[us]
        Null where nothing can be read.
    offset : (M,) Duration[us]
        Distance from UTC; null where it is not written.
    faults : (M,) str
        Why there is no wall time; null where there is.

    Raises
    ------
    DataError
        A column of another type, or an order of day and month that nothing tells.

    Examples
    --------
    >>> wall, offset, _ = as_written(pl.Series(["2024-01-02T09:30:00-05:00"]), None, "x.csv")
    >>> str(wall[0]), str(offset[0])
    ('2024-01-02 09:30:00', '-1 day, 19:00:00')
    """
    none = pl.Series([None], dtype=pl.Duration("us")).new_from_index(0, stamps.len())
    kind = stamps.dtype
    if kind.is_integer():
        most = int(stamps.drop_nulls().abs().max() or 0)  # type: ignore[arg-type]
        if 10_000_000 <= most < 100_000_000:
            stamps, kind = stamps.cast(pl.String), pl.String()
        else:
            unit = 1_000_000 if most < 10**11 else 1000 if most < 10**14 else 1
            wall = _in_calendar((stamps * unit if most < 10**17 else stamps // 1000).cast(pl.Datetime("us")))
            return wall, none.fill_null(timedelta(0)), _fault(stamps, wall)
    if isinstance(kind, pl.Date):
        wall = stamps.cast(pl.Datetime("us"))
        return wall, none, _fault(stamps, wall)
    if isinstance(kind, pl.Datetime):
        instants = _in_calendar(stamps.dt.cast_time_unit("us"))
        wall = instants.dt.replace_time_zone(None)
        numbers = stamps.to_physical()  # for the words: an instant out of the calendar has no others
        if kind.time_zone is None:
            return wall, none, _fault(numbers, wall)
        utc = instants.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return wall, (wall - utc).cast(pl.Duration("us")), _fault(numbers, wall)
    if not isinstance(kind, pl.String):
        raise DataError(f"{source}: stamps must be dates, times or text, were {kind}; cast the column")
    digits = stamps.str.strip_chars().str.contains(r"^\d{10}(\d{3}){0,3}$")
    if stamps.len() and bool(digits.fill_null(value=False).all()):
        return as_written(stamps.str.strip_chars().cast(pl.Int64), day_first, source)
    return _read_text(stamps, day_first, source)


def _in_calendar(instants: pl.Series) -> pl.Series:
    """Make null what is not in the years 1 to 9999, as in a damaged file; Polars panics where it meets it."""
    inside = instants.to_physical().is_between(*_CALENDAR)
    return pl.select(pl.when(inside).then(instants)).to_series()


def _read_text(stamps: pl.Series, day_first: bool | None, source: str) -> Written:
    text = pl.col("text")
    zone = pl.col("zone")
    frame = pl.DataFrame({"text": stamps.str.strip_chars()}).with_columns(zone=text.str.extract(_ZONE, 2))
    plain = text.str.replace(_ZONE, "${1}").str.strip_chars().str.replace(_DIGITS, "${1}-${2}-${3}")
    frame = frame.with_columns(text=plain)
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + zone.str.slice(-2).cast(
        pl.Int64, strict=False
    )
    offset = pl.when(zone.is_in(["Z", "UTC"])).then(0).otherwise(sign * minutes)

    last = frame.select(
        a=text.str.extract(_YEAR_LAST, 1).cast(pl.Int64), b=text.str.extract(_YEAR_LAST, 2).cast(pl.Int64)
    )
    month, day = (2, 1) if _day_first(last["a"], last["b"], stamps, day_first, source) else (1, 2)

    def part(first: int, second: int) -> pl.Expr:
        return pl.coalesce(text.str.extract(_YEAR_FIRST, first), text.str.extract(_YEAR_LAST, second))

    def digits(first: int, second: int) -> pl.Expr:
        return part(first, second).fill_null("0").str.zfill(2)

    iso = pl.concat_str(
        part(1, 3), pl.lit("-"), part(2, month).str.zfill(2), pl.lit("-"), part(3, day).str.zfill(2),
        pl.lit(" "),
        digits(4, 4), pl.lit(":"), digits(5, 5), pl.lit(":"), digits(6, 6), pl.lit("."),
        part(7, 7).fill_null("0").str.pad_end(6, "0").str.slice(0, 6),
    )  # fmt: skip
    wall = iso.str.strptime(pl.Datetime("us"), "%Y-%m-%d %H:%M:%S%.6f", strict=False)
    done = frame.select(wall=wall, offset=pl.duration(minutes=offset, time_unit="us"))
    return done["wall"], done["offset"], _fault(stamps, done["wall"])


def _day_first(a: pl.Series, b: pl.Series, stamps: pl.Series, given: bool | None, source: str) -> bool:
    """Tell d/m/Y from m/d/Y by the numbers above 12, or ask."""
    if a.null_count() == a.len():
        return False
    says_day, says_month = bool((a > 12).any()), bool((b > 12).any())
    if given is not None:
        return given
    example = stamps.filter(a.is_not_null())[0]
    if says_day == says_month:
        why = "some put the day first, some the month" if says_day else "no day is above 12"
        raise DataError(
            f"{source}: dates such as {example!r} can be month/day or day/month, {why}; "
            f"write them as 2005-01-31, or pass day_first= to read_bars"
        )
    return says_day


def _fault(stamps: pl.Series, wall: pl.Series) -> pl.Series:
    text = stamps.cast(pl.String)
    return pl.select(
        pl.when(wall.is_null()).then(
            pl.when(text.is_null() | (text == ""))
            .then(pl.lit("the date must not be missing"))
            .otherwise(
                pl.concat_str(
                    pl.lit("the date must be such as 2005-01-31 or 1/31/2005, was '"), text, pl.lit("'")
                )
            )
        )
    ).to_series()
