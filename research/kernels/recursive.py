"""Recursive kernels: what they share, how large their state is, how long they warm up.

In: contiguous 1-D float64 arrays of one symbol's own bars, without NaN; the carried state.
Out: rows `start` and later of the outputs; the state, ready for the next bar.

Every kernel is called ``name_nb(inputs…, spans…, warmup, start, state, outputs…)``:

1. `state` is a float64 array of ``STATE_SIZE[name]`` numbers, all zero before the symbol's
   first bar. ``state[0]`` counts the bars seen, so each row's position in the symbol's life
   is known whatever the chunk.
2. Rows before `start` are not touched. If the symbol has earlier bars, row start − 1 of the
   inputs holds the last of them; only Wilder's kernels read it.
3. The symbol's first `warmup` bars are NaN in the outputs; the recursion runs beneath.
4. Each bar does the same operations in the same order whatever the chunk, so any split of
   the bars gives the same bits.

Warm-up
-------
A recursion started late forgets its seed by a factor 1 − α per bar. Its value is shown once
what is left of the seed is ≤ `TOLERANCE`, provided that the seed was off by no more than an
assumed multiple of today's scale: `PRICE_RATIO` for averages of prices, `RANGE_RATIO` for
averages of moves, whose scale changes more between calm and panic and which wait `STILL_BARS`
longer. For a cascade of m equal averages the memory after k bars is (1−α)^k·Σ_{j<m} x^j/j!,
x = −k·ln(1−α). So RSI-14, say, shows after 14 + 24 + 373 bars. Errors are meant in the unit of
the output (fraction, percent, points of 0–100), and relative ones for ATR and volatility, which
are scales themselves.

Measured on cold starts all through 20 years of 503 US stocks (2008 among them), bitcoin by the
hour and 31 US stocks by the minute: the largest number of bars that was needed, against what the
rule waits for: EMA12 141 (149), EMA26 303 (325), EMA50 575 (625), MACD 312 (376), TRIX-15 242
(262), volatility of span 60 831 (913), RSI-2 58 (66), RSI-14 385 (411), ATR-14 333 (411),
ADX-14 and its DIs 420 (471).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from research.errors import BadValue
from research.kernels.recursive_ma import dist_ema_nb, ewma_vol_nb, macd_nb, trix_nb
from research.kernels.recursive_wilder import adx_nb, atr_pct_nb, rsi_nb

__all__ = [
    "PRICE_RATIO",
    "RANGE_RATIO",
    "STATE_SIZE",
    "TOLERANCE",
    "WARMUP",
    "adx_nb",
    "atr_pct_nb",
    "dist_ema_nb",
    "ewma_vol_nb",
    "macd_nb",
    "rsi_nb",
    "trix_nb",
]

TOLERANCE: Final = 1e-9
# A price that has fallen to a tenth of what it was when the average was seeded.
PRICE_RATIO: Final = 10.0
# A seed made in a panic and read, in points of 0-100, in a calm ten times quieter.
RANGE_RATIO: Final = 1e3
# Bars on which a price may stand still meanwhile: they add no new moves beside the old ones.
STILL_BARS: Final = 24

STATE_SIZE: Final[Mapping[str, int]] = MappingProxyType(
    {"dist_ema": 2, "macd": 4, "trix": 4, "ewma_vol": 2, "rsi": 3, "atr_pct": 2, "adx": 5}
)


def _require_span(name: str, kernel: str, n: int) -> None:
    """Refuse a span that leaves an average no memory."""
    if n < 2:
        raise BadValue(f"`{name}` must be ≥ 2 for {kernel}, was {n}")


def _forget(alpha: float, stages: int, ratio: float) -> int:
    """Return the bars after which `stages` averages of weight `alpha` have forgotten their seed.

    Parameters
    ----------
    alpha : float
        Weight of the newest value, 0 < alpha < 1.
    stages : int
        Averages in the cascade.
    ratio : float
        Error of the seed in units of the output's scale when it is first shown.

    Returns
    -------
    int
        Smallest k with ratio·(1−α)^k·Σ_{j<stages} x^j/j! ≤ `TOLERANCE`, x = −k·ln(1−α).
    """
    rate = -math.log1p(-alpha)
    k = 0
    while True:
        x = k * rate
        left = ratio * math.exp(-x) * sum(x**j / math.factorial(j) for j in range(stages))
        if left <= TOLERANCE:
            return k
        k += 1


def _dist_ema(n: int) -> int:
    _require_span("n", "dist_ema", n)
    return n - 1 + _forget(2.0 / (n + 1.0), 1, PRICE_RATIO)


def _macd(fast: int, slow: int, signal: int) -> int:
    _require_span("fast", "macd", fast)
    _require_span("signal", "macd", signal)
    if slow <= fast:
        raise BadValue(f"`slow` must be > `fast` for macd, was {slow} with fast = {fast}")
    # The slower of the two averages in a row stands for both.
    alpha = 2.0 / (max(slow, signal) + 1.0)
    return slow + signal - 2 + _forget(alpha, 2, PRICE_RATIO)


def _trix(n: int) -> int:
    _require_span("n", "trix", n)
    return 3 * n - 2 + _forget(2.0 / (n + 1.0), 3, PRICE_RATIO)


def _ewma_vol(n: int) -> int:
    _require_span("n", "ewma_vol", n)
    return n + STILL_BARS + _forget(2.0 / (n + 1.0), 1, RANGE_RATIO)


def _rsi(n: int) -> int:
    _require_span("n", "rsi", n)
    return n + STILL_BARS + _forget(1.0 / n, 1, RANGE_RATIO)


def _atr_pct(n: int) -> int:
    _require_span("n", "atr_pct", n)
    return n + STILL_BARS + _forget(1.0 / n, 1, RANGE_RATIO)


def _adx(n: int) -> int:
    _require_span("n", "adx", n)
    return 2 * n - 1 + STILL_BARS + _forget(1.0 / n, 2, RANGE_RATIO)


# Bars without a value, from the same spans as the kernel takes.
WARMUP: Final[Mapping[str, Callable[..., int]]] = MappingProxyType(
    {
        "dist_ema": _dist_ema,
        "macd": _macd,
        "trix": _trix,
        "ewma_vol": _ewma_vol,
        "rsi": _rsi,
        "atr_pct": _atr_pct,
        "adx": _adx,
    }
)
