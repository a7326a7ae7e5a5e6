"""The bar table: its columns, its rules, and what is told when they are broken.

In: a Polars frame of bars from anywhere. Out: the same bars with the table's column types, or a `DataError`
that names the symbol, the rule, the first bad row and how many there are; with `on_bad="drop"` the good rows
and a `DroppedRows` report.

Columns: `symbol`, `bar_close` (UTC instant at which the bar is complete and known), `open, high, low, close`
(raw), `volume`, optional `adj_factor` (adjusted price = raw × adj_factor, any anchor) and `available_at`
(when we knew it; a corrected bar is a new row with a later one). Rows are in order of `bar_close` within a
symbol.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from research.errors import BadValue, DataError

__all__ = ["COLUMNS", "DroppedRows", "OnBad", "conform", "require_known", "settle", "validate_bars"]

log = logging.getLogger(__name__)

OnBad = Literal["raise", "drop"]
PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "adj_factor")
COLUMNS = ("symbol", "bar_close", *PRICES, "volume")
OPTIONAL = ("adj_factor", "available_at")
INSTANT = pl.Datetime("us", "UTC")
_ORDER_RULES = ("in_order", "not_twice")
_REPORT: dict[str, pl.DataType] = {
    "row": pl.UInt32(),
    "symbol": pl.String(),
    "bar_close": INSTANT,
    "rule": pl.String(),
}


@dataclass(eq=False)
class DroppedRows:
    """What `on_bad="drop"` left out; pass one as `dropped=` and read it afterwards.

    Attributes
    ----------
    rows : DataFrame
        `row` (number in the input, from 1), `symbol`, `bar_close`, `rule` (the rule that was broken).
    of : int
        Rows that were looked at.
    resorted : bool
        Whether the rows had to be brought into order.
    source : str
        The file, if there was one.
    """

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_REPORT))
    of: int = 0
    resorted: bool = False
    source: str = ""

    def __len__(self) -> int:
        return self.rows.height

    def __str__(self) -> str:
        counts = self.rows.group_by("rule").len().sort("len", "rule", descending=[True, False]).iter_rows()
        why = ", ".join(f"{n} × {rule!r}" for rule, n in counts)
        text = f"{len(self)} of {self.of} rows dropped" + (f": {why}" if why else "")
        if len(self):
            at, symbol, instant, _ = self.rows.row(0)
            text += f"; first {symbol} in row {at} (bar_close {instant})"
        return (f"{self.source}: " if self.source else "") + text + ("; rows sorted" if self.resorted else "")


def validate_bars(
    bars: pl.DataFrame, *, on_bad: OnBad = "raise", dropped: DroppedRows | None = None
) -> pl.DataFrame:
    """Check a bar table against every rule and return it with the table's column types.

    Parameters
    ----------
    bars : DataFrame
        At least `COLUMNS`; other columns than those and the optional ones are left out.
    on_bad : {"raise", "drop"}
        Refuse bad rows, or leave them out, bring the rest into order, and log what was dropped.
    dropped : DroppedRows, optional
        Filled with what was dropped.

    Returns
    -------
    DataFrame
        `COLUMNS` and the optional columns that were there; nothing missing, NaN or infinite.

    Raises
    ------
    DataError
        A missing or mistyped column; with "raise" also a missing, NaN or infinite value, a price ≤ 0,
        high < low, open or close outside high–low, negative volume, a duplicate or unsorted bar.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> bars = load_sample(["FB"])
    >>> report = DroppedRows()
    >>> validate_bars(bars.with_columns(low=pl.lit(20.0)), on_bad="drop", dropped=report).height, len(report)
    (164, 32)
    """
    return settle(conform(bars), None, on_bad=on_bad, dropped=dropped)


def settle(
    table: pl.DataFrame,
    faults: pl.Series | None,
    *,
    on_bad: OnBad,
    dropped: DroppedRows | None = None,
    source: str = "",
) -> pl.DataFrame:
    """Raise for the first bad row of a well-typed table, or drop the bad rows and tell.

    Parameters
    ----------
    table : DataFrame
        Columns and types of the bar table; nulls where a value could not be read.
    faults : Series of str, optional
        Per row what was wrong when it was read; null if nothing. Told before the table's own rules.
    on_bad, dropped
        As in `validate_bars`.
    source : str
        A file name that messages begin with.
    """
    if on_bad not in ("raise", "drop"):
        raise BadValue(f"`on_bad` must be 'raise' or 'drop', was {on_bad!r}")
    from research.data.glance import plainly_sound

    if faults is None and plainly_sound(table):
        if dropped is not None:
            dropped.rows, dropped.of, dropped.resorted = pl.DataFrame(schema=_REPORT), table.height, False
            dropped.source = source
        return table
    rows = table.with_row_index("row", offset=1)
    if "adj_factor" not in table.columns:
        rows = rows.with_columns(adj_factor=pl.lit(1.0))
    if "available_at" not in table.columns:
        rows = rows.with_columns(available_at="bar_close")
    rows = rows.with_columns(fault=faults if faults is not None else pl.lit(None, pl.String))

    bad = _bad_rows(rows)
    if bad.is_empty():
        if dropped is not None:
            dropped.rows, dropped.of, dropped.resorted, dropped.source = bad, rows.height, False, source
        return table
    if on_bad == "raise":
        raise DataError((f"{source}: " if source else "") + _message(rows, bad))

    # Order can only be judged among rows that are sound in themselves; sorting loses nothing, so it comes
    # before a duplicate is looked for, and of duplicates the first row read stays.
    in_itself = bad.filter(pl.col("name").is_in(_ORDER_RULES).not_())
    kept = rows.filter(pl.col("row").is_in(in_itself["row"].implode()).not_())
    twice = _bad_rows(kept)
    resorted = "in_order" in twice["name"]
    if resorted:
        kept = kept.sort(pl.col("row").min().over("symbol"), "bar_close", "available_at", "row")
        twice = _bad_rows(kept)
    gone = pl.concat([in_itself, twice]).sort("row")
    report = dropped if dropped is not None else DroppedRows()
    report.rows, report.of = gone.select(_REPORT.keys()), rows.height
    report.resorted, report.source = resorted, source
    log.warning("%s", report)
    good = kept.filter(pl.col("row").is_in(twice["row"].implode()).not_())
    if good.is_empty():
        raise DataError((f"{source}: " if source else "") + "no row is left; " + _message(rows, bad))
    return good.select(table.columns)


def conform(bars: pl.DataFrame) -> pl.DataFrame:
    """Give the columns the table's types, in its order; judges no row, and so imports nothing heavy.

    Raises
    ------
    DataError
        No Polars frame, or a column that is missing or cannot have its type.
    """
    if not isinstance(bars, pl.DataFrame):
        raise DataError(
            f"a bar table must be a Polars DataFrame, was {type(bars).__name__}; read files with read_bars, "
            "convert pandas with pl.from_pandas"
        )
    for name in COLUMNS:
        if name not in bars.columns:
            raise DataError(
                f"the bar table has no column `{name}`, only {', '.join(bars.columns) or 'none at all'}; "
                f"rename yours, or read the file with read_bars"
            )
    if "adj_close" in bars.columns and "adj_factor" not in bars.columns:
        raise DataError(
            "the bar table takes `adj_factor`, not `adj_close`; add adj_factor = adj_close / close, or "
            "read the file with read_bars"
        )
    casts: list[pl.Expr] = []
    for name in (*COLUMNS, *(o for o in OPTIONAL if o in bars.columns)):
        kind = bars.schema[name]
        if name == "symbol":
            if not isinstance(kind, pl.String | pl.Categorical | pl.Enum):
                raise DataError(f"`symbol` must be text, was {kind}; cast it")
            casts.append(pl.col(name).cast(pl.String))
        elif name in NUMBERS:
            if not kind.is_numeric():
                raise DataError(f"`{name}` must be a column of numbers, was {kind}; cast it")
            casts.append(pl.col(name).cast(pl.Float64))
        else:
            if not isinstance(kind, pl.Datetime):
                raise DataError(f"`{name}` must be a Datetime with a time zone, was {kind}; use read_bars")
            if kind.time_zone is None:
                raise DataError(
                    f"`{name}` must carry a time zone, was {kind}; add .dt.replace_time_zone('UTC') if it "
                    f"is UTC"
                )
            casts.append(pl.col(name).cast(INSTANT))
    return bars.select(casts)


def require_known(bars: pl.DataFrame) -> None:
    """Refuse bars that were known only after their close: who decides on them at the close looks ahead.

    Raises
    ------
    DataError
        Names the first such bar.
    """
    if "available_at" not in bars.columns:
        return
    late = bars.with_row_index("row", offset=1).filter(pl.col("available_at") > pl.col("bar_close"))
    if late.height:
        at, symbol, close, known = late.select("row", "symbol", "bar_close", "available_at").row(0)
        raise DataError(
            f"{symbol}: the bar of {close:%Y-%m-%d %H:%M} UTC in row {at} was known only at "
            f"{known:%Y-%m-%d %H:%M} ({late.height} such bars), so a decision at its close would look "
            "ahead; take what was known with as_known_at(bars, instant), or drop the column `available_at` "
            "if it says when the file was made"
        )


def _bad_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `row, symbol, bar_close, rule` (words) and `name` (of the rule) of each row that breaks one."""
    from research.data.schema import BarRows, rule_text

    read = rows.filter(pl.col("fault").is_not_null()).select(
        "row",
        "symbol",
        "bar_close",
        rule=pl.col("fault").str.split(", was ").list.first(),
        name=pl.lit("read"),
    )
    _, failure = BarRows.filter(rows)
    if len(failure) == 0 and read.is_empty():
        return read
    details = failure.details()
    rules = [c for c in details.columns if c not in BarRows.columns()]
    # A value that is no number breaks the rules that compare it too: the first cause is the one to tell.
    rules.sort(key=lambda r: (r in _ORDER_RULES, "|" not in r))
    first = pl.coalesce(pl.when(pl.col(r) == "invalid").then(pl.lit(r)) for r in rules)
    words = {r: rule_text(r) for r in rules}
    own = details.select("row", "symbol", "bar_close", name=first).with_columns(
        rule=pl.col("name").replace_strict(words, return_dtype=pl.String)
    )
    own = own.filter(pl.col("row").is_in(read["row"].implode()).not_())
    return pl.concat([read, own.select(read.columns)]).sort("row")


def _message(rows: pl.DataFrame, bad: pl.DataFrame) -> str:
    at, symbol, instant, rule, name = bad.row(0)
    row = rows.row(at - 1, named=True)
    if name == "read":
        was = str(row["fault"]).removeprefix(rule)
    elif "|" in name:
        was = f", was {row[name.partition('|')[0]]}"
    elif name == "in_order":
        before = rows.filter((pl.col("symbol") == symbol) & (pl.col("row") < at))["bar_close"][-1]
        was = f", this one follows {before:%Y-%m-%d %H:%M}"
    elif name == "known_after_close":
        was = f", was {row['available_at']}"
    elif name == "not_twice":
        was = ""
    else:
        was = f", was open {row['open']}, high {row['high']}, low {row['low']}, close {row['close']}"
    when = f" (bar_close {instant:%Y-%m-%d %H:%M} UTC)" if instant is not None else ""
    how = "on_bad='drop' (--on-bad drop)"
    remedy = f"sort them with {how}" if name == "in_order" else f"correct them or leave them out with {how}"
    many = f"the first of {bad.height} bad rows" if bad.height > 1 else "the only bad row"
    told = f"{symbol or 'no symbol'}: {rule}{was} in row {at}{when}, {many}; {remedy}"
    return " ".join(told.split())  # a quoted cell may hold line breaks
