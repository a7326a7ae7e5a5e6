"""The bars that a command is given with `--bars`: a file of them, or the folder of a store.

In: a path, and how a file is to be read. Out: a bar table, or the one line that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from research.data.bars import OnBad
from research.data.readers import read_bars
from research.data.store import BarStore
from research.errors import BadValue

__all__ = ["bars_at"]


def bars_at(
    path: Path,
    symbols: Sequence[str] | None = None,
    *,
    on_bad: OnBad = "raise",
    interval: str | None = None,
    exchange: str | None = "XNYS",
    timezone: str | None = None,
) -> pl.DataFrame:
    """Read bars from a CSV or Parquet file, or from a `BarStore` such as `python -m research fetch` fills.

    Parameters
    ----------
    path : Path
    symbols : sequence of str, optional
        Which of a store; default: all. A file is read whole.
    on_bad, interval, exchange, timezone
        As for `read_bars`. A store's bars are instants that were checked when they were written.

    Raises
    ------
    BadValue
        `on_bad`, `interval` or `timezone` for a store.
    UnknownName
        A symbol that a store does not hold.
    DataError
        What `read_bars` or `BarStore.read` refuses.

    Examples
    --------
    >>> import tempfile
    >>> from research.data.sample import load_sample
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     BarStore(folder).write(load_sample(["FB", "GOOG"]))
    ...     bars_at(Path(folder), ["FB"])["symbol"].unique().to_list()
    ['FB']
    """
    if not path.is_dir():
        return read_bars(path, on_bad=on_bad, interval=interval, exchange=exchange, timezone=timezone)
    for name, value, usual in (
        ("interval", interval, None),
        ("timezone", timezone, None),
        ("on-bad", on_bad, "raise"),
    ):
        if value != usual:
            raise BadValue(
                f"--{name} says how a file is read, was {value!r} and {path} is the folder of a store; leave "
                "it out"
            )
    return BarStore(path).read(symbols)
