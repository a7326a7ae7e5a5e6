"""A folder of bars: one Parquet file per symbol, written whole or not at all.

In: validated bar tables, or CSV and Parquet files. Out: bar tables of any symbols and span, as they are known
now or were known at an instant. A bar is never overwritten: a correction is a further row with a later
`available_at`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import polars as pl

from research.data.bars import COLUMNS, NUMBERS, validate_bars
from research.data.history import Instant, as_known_at, between
from research.data.readers import read_bars
from research.errors import BadValue, DataError, OutputError, UnknownName

__all__ = ["BarStore"]

_KEY = ("bar_close", "available_at")


class BarStore:
    """Bars on disk, by symbol.

    Parameters
    ----------
    path : str or Path
        The folder; made at the first write.

    Examples
    --------
    >>> import tempfile
    >>> from research.data.sample import load_sample
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = BarStore(folder.name)
    >>> store.write(load_sample(["FB", "GOOG"]))
    >>> store.symbols(), store.read(["FB"], "2013-01-01").height
    (('FB', 'GOOG'), 41)
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f"{self.path} is a file; a BarStore is a folder, read_bars reads a file")

    def symbols(self) -> tuple[str, ...]:
        """Return the stored symbols, sorted."""
        return tuple(sorted(unquote(file.stem) for file in self.path.glob("*.parquet")))

    def write(self, bars: pl.DataFrame) -> None:
        """Add bars; those that are stored already, with the same values, change nothing.

        `adj_factor` is chained to the stored column at the last bar that both have, since vendors re-base the
        whole column with every dividend and split. So bars that come with it must overlap the stored ones by
        one bar at least.

        Parameters
        ----------
        bars : DataFrame
            A bar table. A corrected bar carries an `available_at` later than the stored row's.

        Raises
        ------
        DataError
            An invalid table; a stored bar with other values and no later `available_at`; bars with
            `adj_factor` for a symbol stored without it, or the reverse, or without a bar in common with those
            stored.
        OutputError
            The folder cannot be written. No symbol's file is left half written.
        """
        bars = validate_bars(bars)
        if "available_at" not in bars.columns:
            bars = bars.with_columns(available_at="bar_close")
        merged = {
            str(name): self._merged(str(name), new)
            for (name,), new in bars.group_by("symbol", maintain_order=True)
        }
        staged: list[tuple[Path, Path]] = []
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Every file is complete under another name before the first one is replaced.
            for name, table in merged.items():
                final = self._file(name)
                staged.append((final.with_name(f".{final.name}.{os.getpid()}.tmp"), final))
                with staged[-1][0].open("wb") as file:
                    table.write_parquet(file, compression="zstd")
                    file.flush()
                    os.fsync(file.fileno())
            for temporary, final in staged:
                temporary.replace(final)
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written ({error.strerror or error}); choose another folder or free it"
            ) from None
        finally:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)

    def import_file(self, path: str | Path, **options: Any) -> None:
        """Read a CSV or Parquet file with `read_bars`, which takes the `options`, and write its bars."""
        self.write(read_bars(path, **options))

    def read(
        self,
        symbols: Sequence[str] | None = None,
        start: Instant = None,
        end: Instant = None,
        *,
        known_at: datetime | None = None,
    ) -> pl.DataFrame:
        """Return stored bars, each in its latest version.

        Parameters
        ----------
        symbols : sequence of str, optional
            Default: all.
        start, end : str, date or datetime, optional
            Days or instants, both included, as in `between`.
        known_at : datetime, optional
            The bars as they were known at this instant.

        Returns
        -------
        DataFrame
            A bar table sorted by symbol and bar_close, without `available_at`: what is known now, or was at
            `known_at`. A run over it takes each bar, corrected or late, as known at its close.

        Raises
        ------
        UnknownName
            A symbol that is not stored.
        DataError
            Nothing is stored, or a stored file is damaged.
        """
        known = self.symbols()
        if not known:
            raise DataError(
                f"{self.path} holds no bars; write some with BarStore.write or BarStore.import_file"
            )
        wanted = sorted(set(known if symbols is None else symbols))
        if not wanted:
            raise BadValue("`symbols` must name at least one symbol, was empty; leave it out for all")
        for name in wanted:
            if name not in known:
                raise UnknownName("symbol", name, known)
        tables = [self._load(name) for name in wanted]
        bars = pl.concat(tables, how="diagonal")
        if "adj_factor" in bars.columns:  # stored for some symbols only: the others have no adjustment
            bars = bars.with_columns(pl.col("adj_factor").fill_null(1.0))
        if known_at is not None:
            bars = as_known_at(bars, known_at)
        else:
            bars = bars.filter(
                pl.col("available_at") == pl.col("available_at").max().over("symbol", "bar_close")
            )
        columns = [*COLUMNS, *(c for c in ("adj_factor",) if c in bars.columns)]
        return between(bars.select(columns), start, end)

    def _file(self, symbol: str) -> Path:
        return self.path / f"{quote(symbol, safe=' ^=+-_')}.parquet"

    def _load(self, symbol: str) -> pl.DataFrame:
        file = self._file(symbol)
        try:
            return pl.read_parquet(file)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            why = str(error).splitlines()[0]
            raise DataError(f"{file} is damaged ({why}); delete it and import {symbol} again") from None

    def _merged(self, symbol: str, new: pl.DataFrame) -> pl.DataFrame:
        if not self._file(symbol).exists():
            return new
        old = self._load(symbol)
        if ("adj_factor" in old.columns) != ("adj_factor" in new.columns):
            has, lacks = ("stored", "new") if "adj_factor" in old.columns else ("new", "stored")
            raise DataError(
                f"{symbol}: {has} bars have adj_factor, {lacks} ones have not; write all with it or all "
                f"without"
            )
        if "adj_factor" in new.columns:
            new = _chained(symbol, old, new)
        exact = _compared(new, old, [*_KEY])
        fresh = new.join(exact.select(*_KEY), on=[*_KEY], how="anti", maintain_order="left")
        latest = old.filter(pl.col("available_at") == pl.col("available_at").max().over("bar_close"))
        revised = _compared(fresh, latest, ["bar_close"])
        clash = pl.concat(
            [
                exact.filter("differs").select("bar_close", "column", "was", "is"),
                revised.filter(
                    pl.col("differs") & (pl.col("available_at") <= pl.col("available_at_old"))
                ).select("bar_close", "column", "was", "is"),
            ]
        )
        if not clash.is_empty():
            at, column, was, value = clash.row(0)
            raise DataError(
                f"{symbol}: the bar of {at:%Y-%m-%d %H:%M} UTC is stored with {column} {was}, was {value} "
                f"({clash.height} such bars); give a correction a later available_at"
            )
        again = revised.filter(~pl.col("differs")).select(*_KEY)
        fresh = fresh.join(again, on=[*_KEY], how="anti", maintain_order="left")
        return pl.concat([old, fresh.select(old.columns)]).sort(*_KEY)


def _compared(new: pl.DataFrame, old: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Join bars to their stored rows; tell whether they differ, and in the first differing column how."""
    both = new.join(old, on=on, suffix="_old", maintain_order="left")
    values = [c for c in NUMBERS if c != "adj_factor"]

    def first(of: str) -> pl.Expr:
        return pl.coalesce(
            pl.when(pl.col(c) != pl.col(f"{c}_old")).then(pl.lit(c) if of == "name" else pl.col(f"{c}{of}"))
            for c in values
        )

    return both.with_columns(column=first("name"), was=first("_old"), **{"is": first("")}).with_columns(
        differs=pl.col("column").is_not_null()
    )


def _chained(symbol: str, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Bring `adj_factor` of the new bars to the stored anchor."""
    common = new.join(old.select("bar_close", stored="adj_factor"), on="bar_close", maintain_order="left")
    if common.is_empty():
        raise DataError(
            f"{symbol}: none of the new bars ({_span(new)}) is stored ({_span(old)}), and where adj_factor "
            "does not overlap a split or dividend between them would be lost; write the new bars with at "
            "least one stored bar before them"
        )
    stored, given = common["stored"][-1], common["adj_factor"][-1]
    return new.with_columns(pl.col("adj_factor") * (stored / given)) if stored != given else new


def _span(bars: pl.DataFrame) -> str:
    return f"{bars['bar_close'][0]:%Y-%m-%d} to {bars['bar_close'][-1]:%Y-%m-%d}"
