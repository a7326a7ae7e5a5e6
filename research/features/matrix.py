"""The feature matrix: the whole history, or the next block with carried state; one code path.

In: bars (a table, or a `Panel`). Out: features, as a table or a (K, N, T) array.

1. Bars become a panel of adjusted columns (`research.data.panel`).
2. Each symbol's own new bars are appended to its last ones, and the program of the features runs on
   them (`research.features.carried`).
3. What the next block needs (last bars, recursive states, adjustment) stays in the stream; `snapshot`
   writes it down.

The whole history is one push of everything into a new stream, so live and research cannot differ.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.panel import Panel, PanelBuilder
from research.errors import BadValue, DataError
from research.features import snapshot
from research.features.carried import Carried
from research.features.catalogue import FEATURES, Feature
from research.features.plan import make_plan

__all__ = ["FeatureStream", "feature_matrix"]

F64 = NDArray[np.float64]


class FeatureStream:
    """Features of several symbols, continued block by block.

    Whatever the blocks, the rows are the same to the bit; live is a block of one bar.

    Parameters
    ----------
    symbols : sequence of str
        Symbols, in the order of the arrays.
    features : sequence of str or Feature, optional
        Names as in `feature`; default: all of `FEATURES`.
    jobs : int, optional
        Threads; default: one per core.

    Attributes
    ----------
    symbols : tuple of str, length N
    names : tuple of str, length K
    lookback : int
        Bars of a symbol before the first on which none of its features is in its warm-up.

    Raises
    ------
    UnknownName, BadValue
        A name that is no feature, a window out of bounds, no symbol, or one named twice.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> bars = load_sample(["AAPL"])
    >>> stream = FeatureStream(["AAPL"], ["ret_1", "vol_21"])
    >>> past, today = stream.push(bars[:-1]), stream.push(bars[-1:])
    >>> today.columns, len(past) + len(today) == len(bars)
    (['symbol', 'bar_close', 'ret_1', 'vol_21'], True)
    """

    def __init__(
        self,
        symbols: Sequence[str],
        features: Sequence[str | Feature] | None = None,
        *,
        jobs: int | None = None,
    ) -> None:
        if isinstance(symbols, str):
            raise BadValue(
                f"`symbols` must be a list of names, was the text {symbols!r}; write [{symbols!r}]"
            )
        if jobs is not None and jobs < 1:
            raise BadValue(f"`jobs` must be ≥ 1, was {jobs}")
        self._builder = PanelBuilder(symbols)
        self._plan = make_plan(tuple(FEATURES) if features is None else features)
        self.symbols = self._builder.symbols
        self.names = self._plan.names
        self.lookback = self._plan.lookback
        self._last_bar = np.datetime64("NaT", "us")
        self._carried = Carried(self._plan, len(self.symbols), jobs or os.cpu_count() or 1)

    def advance(self, panel: Panel, out: F64 | None = None) -> F64:
        """Continue with the next instants, as arrays.

        Parameters
        ----------
        panel : Panel
            The next T instants of the stream's symbols, made by one `PanelBuilder` throughout.
        out : (K, N, T) float64, C-contiguous, optional
            Where to write; default: a new array. Fresh memory costs more than the features do.

        Returns
        -------
        (K, N, T) float64
            Features; NaN during a feature's warm-up, where it is undefined (see its entry in the
            catalogue), and where the symbol has no bar. Missing bars are skipped, not filled: the
            next bar continues from the last one.

        Raises
        ------
        BadValue
            The panel has other symbols, or `out` another shape.
        DataError
            The panel does not begin after the last bar seen.
        """
        if panel.symbols != self.symbols:
            raise BadValue(f"the panel's symbols must be the stream's, {_both(panel.symbols, self.symbols)}")
        if len(panel) and panel.bar_close[0] <= self._last_bar:
            raise DataError(
                f"bars must be later than {self._last_bar}, the last one this stream has seen, was "
                f"{panel.bar_close[0]}; push each instant once"
            )
        open_, high, low, close, volume = (np.ascontiguousarray(x.T) for x in panel.adjusted())
        shape = (len(self.names), len(self.symbols), len(panel))
        if out is None:
            out = np.empty(shape)
        elif out.shape != shape or out.dtype != np.float64 or not out.flags.c_contiguous:
            raise BadValue(
                f"`out` must be a C-contiguous float64 array of {shape}, was {out.dtype} of {out.shape}"
            )
        if len(panel):
            self._carried.advance((open_, high, low, close, volume), out)
            self._last_bar = panel.bar_close[-1]
        return out

    def push(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Continue with the next bars, as a table.

        Parameters
        ----------
        bars : DataFrame
            A bar table of the stream's symbols, every bar later than all pushed before.

        Returns
        -------
        DataFrame
            `symbol, bar_close` and one column per feature; one row per bar, by symbol and time.
            NaN as in `advance`.

        Raises
        ------
        UnknownName
            A symbol that the stream does not have.
        DataError
            Bars out of order, or not later than what was pushed.
        """
        panel = self._builder.push(bars)
        matrix = self.advance(panel)
        own = ~np.isnan(panel.close.T)
        whole = bool(own.all())
        n, t = own.shape
        at = np.repeat(np.arange(n, dtype=np.uint32), t) if whole else np.nonzero(own)[0].astype(np.uint32)
        when = np.broadcast_to(panel.bar_close, own.shape)[own]
        names = pl.Series("symbol", self.symbols, dtype=pl.String)
        return pl.DataFrame(
            [
                names.gather(at),
                pl.Series("bar_close", when).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
                *(
                    pl.Series(name, values.reshape(-1) if whole else values[own])
                    for name, values in zip(self.names, matrix, strict=True)
                ),
            ]
        )

    def snapshot(self) -> bytes:
        """Write down everything that the next block needs.

        Returns
        -------
        bytes
            For `restore`; carries the fingerprint of the kernels, and a checksum. No pickle.
        """
        head = {
            "symbols": self.symbols,
            "names": self.names,
            "program": self._plan.fingerprint,
            "last_bar": int(self._last_bar.astype(np.int64)),
        }
        return snapshot.pack(head, self._carried.write(), self._builder.snapshot())

    @classmethod
    def restore(cls, data: bytes, *, jobs: int | None = None) -> FeatureStream:
        """Return the stream that made a snapshot, at the bar where it was taken.

        Parameters
        ----------
        data : bytes
            From `snapshot`.
        jobs : int, optional
            Threads; default: one per core.

        Returns
        -------
        FeatureStream

        Raises
        ------
        SnapshotMismatch
            The bytes are damaged, or were made by other kernels or another catalogue.
        """
        head, parts, builder = snapshot.unpack(data)
        stream = cls(head["symbols"], head["names"], jobs=jobs)
        snapshot.same("features", head["program"], stream._plan.fingerprint)
        stream._builder = PanelBuilder.restore(builder)
        stream._last_bar = np.datetime64(head["last_bar"], "us")
        stream._carried.read(parts)
        return stream


def _both(got: Sequence[str], want: Sequence[str]) -> str:
    """Say how two lists of symbols differ."""
    for i, (a, b) in enumerate(zip(got, want, strict=False)):
        if a != b:
            return f"was {a!r} for {b!r} at place {i}; build it with PanelBuilder(stream.symbols)"
    return f"was {len(got)} symbols for {len(want)}; build it with PanelBuilder(stream.symbols)"


def feature_matrix(bars: pl.DataFrame, features: Sequence[str] | None = None) -> pl.DataFrame:
    """Compute features for every bar of a table.

    Parameters
    ----------
    bars : DataFrame
        A bar table; each symbol's bars in order of time.
    features : sequence of str, optional
        Names as in `feature`; default: all of `FEATURES`.

    Returns
    -------
    DataFrame
        `symbol, bar_close` and one float64 column per feature; one row per bar, sorted by symbol and
        time. A feature of lookback n is NaN on a symbol's first n bars, and where its catalogue entry
        says that it is undefined. A value depends on that bar and earlier ones of its symbol only.

    Raises
    ------
    UnknownName, BadValue
        A name that is no feature, or a window out of bounds.
    DataError
        Bars out of order or duplicated.

    Examples
    --------
    >>> import research as rs
    >>> table = rs.feature_matrix(rs.load_sample(["AAPL"]), ["ret_1", "rsi_14"])
    >>> table.columns
    ['symbol', 'bar_close', 'ret_1', 'rsi_14']
    >>> int(table["ret_1"].is_nan().sum())
    1
    """
    symbols = bars["symbol"].unique().sort().cast(pl.String).to_list()
    return FeatureStream(symbols, features).push(bars)
