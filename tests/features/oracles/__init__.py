"""An independent computation of every feature, written from the formulas alone.

What comes in: the open, high, low, close and volume of one symbol's own bars,
adjusted, five (T,) float64 arrays. What goes out: the feature as a (T,) array,
NaN where the window is short or the quotient undefined. Nothing here imports
`research`. TA-Lib computes what it computes; the rest is the textbook
definition, window by window, in extended precision where the platform has it.

`ORACLES` is the table; `lookbacks` holds the bars each feature needs, typed
from the design; `tolerance` says how equal is equal; `mutants` holds the wrong
variants that a comparison must be able to refuse.
"""

from __future__ import annotations

from tests.features.oracles import momentum, price, reversion, scores, trend, volatility, volume
from tests.features.oracles.windows import Oracle

__all__ = ["ORACLES"]

ORACLES: dict[str, Oracle] = {
    **price.ORACLES,
    **trend.ORACLES,
    **momentum.ORACLES,
    **volatility.ORACLES,
    **volume.ORACLES,
    **reversion.ORACLES,
    **scores.ORACLES,
}
