"""Aligned bars as arrays: what every room above the data sees of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue

__all__ = ["Panel"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Panel:
    """Aligned bars of N symbols at the T instants at which any of them has a bar.

    Attributes
    ----------
    symbols : tuple of str, length N
    bar_close : (T,) datetime64[us], UTC, strictly increasing
    open, high, low, close : (T, N) float64, raw USD; NaN where the symbol has no bar
    volume : (T, N) float64, raw shares; NaN where the symbol has no bar
    factor : (T, N) float64
        Adjustment since the symbol's first bar, which has 1; NaN where the symbol has no bar.
    split : (T, N) float64
        New shares per old share at the open of this bar; 1 if none or no bar.
    dividend : (T, N) float64, raw USD
        Cash per share held before this bar's split; 0 if none or no bar.

    The (T, N) arrays are Fortran-ordered: a symbol's column is contiguous.

    Examples
    --------
    >>> from research.data import load_sample, to_panel
    >>> panel = to_panel(load_sample(["FB", "MSFT"]))
    >>> panel.members(0).tolist(), panel[-2:].close.tolist()
    ([False, True], [[27.25, 27.8], [27.78, 27.95]])
    """

    symbols: tuple[str, ...]
    bar_close: NDArray[np.datetime64]
    open: F64
    high: F64
    low: F64
    close: F64
    volume: F64
    factor: F64
    split: F64
    dividend: F64

    def __len__(self) -> int:
        return len(self.bar_close)

    def __getitem__(self, rows: slice) -> Panel:
        """Return the bars of a slice of instants, as views."""
        if not isinstance(rows, slice):
            raise BadValue(f"a Panel is cut by a slice such as panel[10:20], was indexed by {rows!r}")
        cut = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "symbols"}
        return Panel(symbols=self.symbols, **cut)

    def members(self, t: int) -> NDArray[np.bool_]:
        """Return (N,) bool: which symbols have a bar at instant `t`."""
        return np.asarray(~np.isnan(self.close[t]))

    def adjusted(self) -> tuple[F64, F64, F64, F64, F64]:
        """Return open, high, low, close × factor and volume / factor, each (T, N).

        Dollar volume is unchanged by the adjustment.
        """
        f = self.factor
        return self.open * f, self.high * f, self.low * f, self.close * f, self.volume / f
