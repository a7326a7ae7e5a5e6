"""How orders are filled: costs and rules, one record for backtest, sweep, labels and live.

In: what the user chose. Out: the same, checked, and as the float64 vector that
the broker kernels read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.kernels import account as ac

__all__ = ["Execution"]


@dataclass(frozen=True)
class Execution:
    """Costs and rules of a fill.

    Attributes
    ----------
    slippage : float, default 0.0005
        Fraction of the price given up by every market order: entries, exits at the
        open, and stops. Targets are limit orders and pay none.
    commission : float, default 0.001
        Fraction of the traded value, on every order.
    fractional : bool, default False
        Trade steps of 1/512 share instead of whole shares (exact in binary, and within
        the nine decimals that brokers take). Brokers give such positions no resting stop.
    allow_short : bool, default False
        Take short entries; they need free cash of their notional as margin.
    dividends : bool, default True
        Credit cash dividends to longs and charge them to shorts.

    Raises
    ------
    BadValue
        A cost that is no fraction in [0, 1).

    Examples
    --------
    >>> Execution(slippage=0.0).as_array().tolist()
    [0.0, 0.001, 0.0, 0.0, 1.0]
    """

    slippage: float = 0.0005
    commission: float = 0.001
    fractional: bool = False
    allow_short: bool = False
    dividends: bool = True

    def __post_init__(self) -> None:
        for name in ("slippage", "commission"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and 0.0 <= value < 1.0):
                raise BadValue(
                    f"`{name}` must be a fraction of the price in [0, 1), was {value!r}; "
                    "5 basis points are 0.0005"
                )

    def as_array(self) -> NDArray[np.float64]:
        """Return the vector that the kernels read, (5,) float64, in the order of `account.X_*`."""
        out = np.empty(ac.N_EXECUTION)
        out[ac.X_SLIPPAGE] = self.slippage
        out[ac.X_COMMISSION] = self.commission
        out[ac.X_FRACTIONAL] = self.fractional
        out[ac.X_ALLOW_SHORT] = self.allow_short
        out[ac.X_DIVIDENDS] = self.dividends
        return out
