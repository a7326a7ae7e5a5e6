"""The names vendors give to the columns of a bar table.

In: the header of a file. Out: which of its columns is which of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from research.errors import DataError

__all__ = ["recognise"]

# Yahoo `Date,Open,…,Adj Close,Volume`; Alpaca `timestamp,t,o,h,l,c,v,symbol`; Stooq `<TICKER>,<PER>,…`;
# Tiingo `adjClose`; Nasdaq `Close/Last`; Binance `open_time`. Compared in lower case without punctuation.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "sym", "name", "instrument"),
    "bar_close": ("barclose",),
    "stamp": ("timestamp", "datetime", "ts", "t", "date", "day", "dateandtime", "opentime"),
    "time": ("time",),
    "period": ("per",),
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "last", "closeprice", "closelast"),
    "volume": ("volume", "vol", "v"),
    "adj_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted"),
    "adj_factor": ("adjfactor",),
    "available_at": ("availableat",),
}
_FIELD = {spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings}
_NEEDED = ("open", "high", "low", "close", "volume")


def recognise(header: Sequence[str], source: str) -> dict[str, str]:
    """Find our columns in a header.

    Parameters
    ----------
    header : sequence of str
    source : str
        File name for messages.

    Returns
    -------
    dict
        Our name (a key of `SPELLINGS`) to the file's; columns that are none of ours are left out.

    Raises
    ------
    DataError
        A needed column is missing, or two could be it.

    Examples
    --------
    >>> recognise(["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"], "x.csv")["adj_close"]
    'Adj Close'
    """
    found: dict[str, str] = {}
    for column, plain in zip(header, _plain(header), strict=True):
        name = _FIELD.get(plain)
        if name is None:
            continue
        if name in found:
            raise DataError(
                f"{source}: columns {found[name]!r} and {column!r} could both be the {name}; drop or "
                f"rename one"
            )
        found[name] = column
    if "stamp" not in found and "bar_close" not in found and "time" in found:
        found["stamp"] = found.pop("time")
    missing = [name for name in _NEEDED if name not in found]
    if "stamp" not in found and "bar_close" not in found:
        missing.insert(0, "date or timestamp")
    if missing:
        names = " ".join(", ".join(header).split())
        raise DataError(
            f"{source}: no column for {', '.join(missing)}; its columns are {names}; "
            f"name them date, open, high, low, close, volume"
        )
    return found


def _plain(header: Sequence[str]) -> list[str]:
    names = [name.removeprefix("\ufeff").strip() for name in header]
    # `Candlestick.Time,Candlestick.Open,…`: a prefix that all columns share says nothing.
    prefixes = {name.rpartition(".")[0] for name in names}
    if len(prefixes) == 1:
        names = [name.rpartition(".")[2] for name in names]
    return [re.sub(r"[^0-9a-z]", "", name.lower()) for name in names]
