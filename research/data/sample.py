"""The embedded sample: five real US stocks, daily 2000–2013, public domain.

`sample/PROVENANCE.md` says where the bars come from and how they were converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files

import polars as pl

from research.errors import UnknownName

__all__ = ["load_sample"]


def load_sample(symbols: Sequence[str] | str | None = None) -> pl.DataFrame:
    """Load the embedded bar table.

    Parameters
    ----------
    symbols : sequence of str or str, optional
        Which of AAPL, FB, GOOG, IBM, MSFT. Default: all.

    Returns
    -------
    DataFrame
        `symbol, bar_close, open, high, low, close, volume, adj_factor`, sorted by symbol and bar_close; raw
        USD prices and shares.

    Raises
    ------
    UnknownName
        A symbol that the sample does not hold.

    Examples
    --------
    >>> load_sample("FB").height
    196
    """
    with as_file(files("research.data") / "sample" / "stocks.parquet") as file:
        bars = pl.read_parquet(file).drop("adj_close")
    if symbols is None:
        return bars
    wanted = [symbols] if isinstance(symbols, str) else list(symbols)
    known = bars["symbol"].unique().to_list()
    for name in wanted:
        if name not in known:
            raise UnknownName("symbol", name, known)
    return bars.filter(pl.col("symbol").is_in(wanted))
