"""Read bars from CSV and Parquet files as vendors write them.

In: a path. Out: a validated bar table. The steps:

1. Load the file; the columns of a CSV stay text until they are understood.
2. Recognise the columns (`spellings`).
3. Turn stamps into `bar_close` (`stamps`) and texts into numbers; note per row what cannot be read.
4. Refuse or drop bad rows (`bars.settle`).
5. Turn an adjusted close into `adj_factor` (`adjust`).
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from research.data.adjust import DividendBasis, factor_from_ratio
from research.data.bars import PRICES, DroppedRows, OnBad, settle
from research.data.spellings import recognise
from research.data.stamps import Clock, bar_closes
from research.errors import BadValue, DataError, UnknownName

__all__ = ["read_bars"]

_MISSING = ("", "null", "nan", "na", "n/a", "none", "-")
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]{0,9}([.^-][A-Za-z0-9]{1,4})?")
_SEPARATORS = (",", ";", "\t", "|")


def read_bars(
    path: str | Path,
    *,
    on_bad: OnBad = "raise",
    symbol: str | None = None,
    interval: str | None = None,
    exchange: str | None = "XNYS",
    timezone: str | None = None,
    day_first: bool | None = None,
    dividend_basis: DividendBasis = "previous_close",
    dropped: DroppedRows | None = None,
) -> pl.DataFrame:
    r"""Read a CSV or Parquet file of bars.

    Daily dates become the UTC instant at which their session closes. Intraday stamps are the *start* of their
    bar, as at nearly every vendor: `bar_close` is the stamp plus `interval`. A column that is itself named
    `bar_close` is taken as it is. What a file leaves open is asked for, never guessed.

    Parameters
    ----------
    path : str or Path
        `.csv` (also gzipped; separators , ; tab |) or Parquet. Yahoo, Alpaca, Stooq, Tiingo, Nasdaq and
        Binance column names are understood.
    on_bad : {"raise", "drop"}
        Refuse bad rows, or leave them out, bring the rest into order, and log what was dropped.
    symbol : str, optional
        In a file without a symbol column: the symbol (default: the file's name). In one with it: the only
        symbol to keep.
    interval : str, optional
        Length of the bars: "1min", "5min", "1h", "1d". Needed for intraday stamps.
    exchange : str or None
        Whose sessions daily dates are, as an ISO 10383 code; None for markets that never close.
    timezone : str, optional
        IANA zone of intraday stamps that carry none.
    day_first : bool, optional
        Whether 1/2/2020 is the first of February. Needed where no day is above 12.
    dividend_basis : {"previous_close", "ex_close"}
        How the vendor folds a dividend d into its adjusted close: factor ratio p/(p − d) with p the close
        before (Yahoo), or 1 + d/c with c the close of the ex-date (Quandl WIKI, Tiingo).
    dropped : DroppedRows, optional
        Filled with what `on_bad="drop"` left out.

    Returns
    -------
    DataFrame
        `symbol, bar_close, open, high, low, close, volume`, and `adj_factor` where the file has an adjusted
        close or a factor, `available_at` where it has one.

    Raises
    ------
    DataError
        A missing, empty or malformed file; a missing column; a bad row under "raise"; something the file
        leaves open and no argument says.
    UnknownName
        `symbol` is not in the file's symbol column, or no such exchange or time zone.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = Path(folder.name, "ACME.csv")
    >>> _ = file.write_text("Date,Open,High,Low,Close,Volume\n2012-11-23,10,12,9,11,500\n")
    >>> read_bars(file).row(0)[:2]
    ('ACME', datetime.datetime(2012, 11, 23, 18, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC')))
    >>> folder.cleanup()
    """
    if on_bad not in ("raise", "drop"):
        raise BadValue(f"`on_bad` must be 'raise' or 'drop', was {on_bad!r}")
    path = Path(path)
    source = path.name
    raw = _load(path)
    found = recognise(raw.columns, source)
    frame = raw.select(pl.col(column).alias(name) for name, column in found.items())
    frame = _with_symbol(frame, path, symbol)
    if "adj_factor" in frame.columns:
        frame = frame.drop("adj_close", strict=False)

    if "bar_close" in frame.columns:
        clock = Clock(interval, exchange, timezone, day_first)
        instants, faults = bar_closes(frame["bar_close"], clock, source, closes=True)
    else:
        interval = _stooq_period(frame, interval, source)
        clock = Clock(interval, exchange, timezone, day_first)
        instants, faults = bar_closes(_stamps(frame), clock, source)
    columns: dict[str, pl.Series] = {"symbol": frame["symbol"].cast(pl.String), "bar_close": instants}
    for name in (*PRICES, "volume", "adj_close", "adj_factor"):
        if name in frame.columns:
            columns[name], faults = _numbers(frame[name], found[name], faults, source)
    if "available_at" in frame.columns:
        columns["available_at"], faults = bar_closes(frame["available_at"], clock, source, closes=True)
    table = pl.DataFrame(columns)
    adjusted_close = "adj_close" in table.columns
    if adjusted_close:
        table = table.with_columns(adj_factor=pl.col("adj_close") / pl.col("close")).drop("adj_close")
        faults = _adjusted_faults(columns["adj_close"], faults, found["adj_close"])
    order = [c for c in ("adj_factor", "available_at") if c in table.columns]
    table = table.select("symbol", "bar_close", *PRICES, "volume", *order)
    good = settle(table, faults, on_bad=on_bad, dropped=dropped, source=source)
    return (
        factor_from_ratio(good, basis=dividend_basis, rounded=adjusted_close)
        if "adj_factor" in order
        else good
    )


def _load(path: Path) -> pl.DataFrame:
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file of bars; BarStore({str(path)!r}) reads a folder")
    if not path.exists():
        near = f"; the folder {path.parent} does not exist either" if not path.parent.exists() else ""
        raise DataError(f"{path} does not exist{near}; check the path")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}); check its permissions") from None
    if not head.strip():
        raise DataError(f"{path.name} is empty; it needs a header and at least one bar")
    try:
        raw = pl.read_parquet(path) if head.startswith(b"PAR1") else _load_csv(path, head)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError) as error:
        why = str(error).strip().splitlines()[0]
        raise DataError(
            f"{path.name} cannot be read as CSV or Parquet ({why}); repair or download it again"
        ) from None
    if raw.is_empty():
        raise DataError(f"{path.name} has a header and no bars; download it again")
    first = raw.columns[0].strip().lower()
    if first == "price" and str(raw.item(0, 0)).strip().lower() == "ticker":
        raise DataError(
            f"{path.name} has yfinance's header of three lines; save it with "
            f"yf.download(…, multi_level_index=False).to_csv(…)"
        )
    return raw


def _load_csv(path: Path, head: bytes) -> pl.DataFrame:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"{", b"[")):
        raise DataError(f"{path.name} is JSON; convert it to CSV or Parquet")
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise DataError(f"{path.name} is a web page, not a table of bars; the download failed, try it again")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path.name} is UTF-16 text; save it as UTF-8")
    zipped = head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78"))
    if b"\x00" in head and not zipped:
        raise DataError(f"{path.name} is neither CSV nor Parquet; read_bars reads those two")
    header = b"," if zipped else head.splitlines()[0]
    separator = max(_SEPARATORS, key=lambda s: header.count(s.encode()))
    return pl.read_csv(path, infer_schema=False, separator=separator, null_values=None)


def _with_symbol(frame: pl.DataFrame, path: Path, symbol: str | None) -> pl.DataFrame:
    if "symbol" in frame.columns:
        if symbol is None:
            return frame
        names = frame["symbol"].cast(pl.String).str.strip_chars()
        if not bool((names == symbol).any()):
            raise UnknownName("symbol", symbol, names.drop_nulls().unique().to_list())
        return frame.filter(names == symbol)
    if symbol is None:
        symbol = path.name.partition(".")[0] if path.name.endswith(".gz") else path.stem
        if not _SYMBOL.fullmatch(symbol):
            raise DataError(
                f"{path.name} has no symbol column, and its name is not a symbol; rename the file to one, or "
                f"pass symbol='…' to read_bars"
            )
        symbol = symbol.upper()
    return frame.with_columns(symbol=pl.lit(symbol))


def _stamps(frame: pl.DataFrame) -> pl.Series:
    """Join a column of dates and one of times (Stooq writes 20240102 and 153000)."""
    stamp = frame["stamp"]
    if "time" not in frame.columns or isinstance(stamp.dtype, pl.Datetime):
        return stamp
    time = frame["time"].cast(pl.String).str.strip_chars()
    if bool(time.is_in(["0", "000000", ""]).fill_null(value=True).all()):
        return stamp
    time = pl.select(
        pl.when(time.str.contains(r"^\d{1,6}$")).then(time.str.zfill(6)).otherwise(time)
    ).to_series()
    return (stamp.cast(pl.String).str.strip_chars() + " " + time).rename("stamp")


def _stooq_period(frame: pl.DataFrame, interval: str | None, source: str) -> str | None:
    """Stooq says in <PER> how long a bar is: D, or minutes."""
    if "period" not in frame.columns or interval is not None:
        return interval
    periods = frame["period"].cast(pl.String).str.strip_chars().unique().to_list()
    if len(periods) != 1 or periods[0] is None:
        raise DataError(
            f"{source}: bars of several lengths ({', '.join(map(str, periods))}); split the file by them"
        )
    period = str(periods[0])
    if period.upper() == "D":
        return "1d"
    if period.isdigit():
        return f"{period}min"
    raise DataError(f"{source}: bars of period {period!r} are not read; read daily ('D') or intraday ones")


def _numbers(values: pl.Series, column: str, faults: pl.Series, source: str) -> tuple[pl.Series, pl.Series]:
    if values.dtype.is_numeric() or values.dtype == pl.Null:
        return values.cast(pl.Float64), faults
    if not isinstance(values.dtype, pl.String):
        raise DataError(f"{source}: column {column!r} must hold numbers, was {values.dtype}; cast it")
    text = values.str.strip_chars()
    empty = text.str.to_lowercase().is_in(_MISSING).fill_null(value=True)
    plain = text.str.strip_prefix("$")
    # 1,234,567.8 is a number with thousands; 12,5 may be twelve and a half, and is not guessed.
    grouped = plain.str.contains(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$").fill_null(value=False)
    plain = pl.select(pl.when(grouped).then(plain.str.replace_all(",", "")).otherwise(plain)).to_series()
    numbers = pl.select(pl.when(~empty).then(plain)).to_series().cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & ~empty
    if not bool(wrong.any()):
        return numbers, faults
    told = pl.concat_str(pl.lit(f"{column} must be a number, was '"), text, pl.lit("'"))
    return numbers, pl.select(pl.coalesce(faults, pl.when(wrong).then(told))).to_series()


def _adjusted_faults(adjusted: pl.Series, faults: pl.Series, column: str) -> pl.Series:
    wrong = (adjusted.is_null() | ~adjusted.is_finite() | (adjusted <= 0.0)).fill_null(value=True)
    told = pl.concat_str(
        pl.lit(f"{column} must be positive, was "), adjusted.cast(pl.String).fill_null("missing")
    )
    return pl.select(pl.coalesce(faults, pl.when(wrong).then(told))).to_series()
