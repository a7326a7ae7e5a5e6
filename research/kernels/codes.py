"""The numbers that a feature program is written in: columns, codes, the layout of a step.

See `research.kernels.program` for what they mean.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COLUMNS", "N_COLUMNS"]

# Base columns of a symbol, in the order in which they are kept.
COLUMNS: Final = (
    *("open", "high", "low", "close", "volume"),
    *("ln_open", "ln_high", "ln_low", "ln_close", "ret"),
)
N_COLUMNS: Final = len(COLUMNS)
OPEN, HIGH, LOW, CLOSE, VOLUME, LN_OPEN, LN_HIGH, LN_LOW, LN_CLOSE, RETURN = range(10)

# Tree steps: a statistic of windows of a series.
T_MEAN, T_VARIANCE, T_LINE, T_SKEW, T_DRAWDOWN, T_EXTREMES, T_RECENCY = range(7)
T_TYPICAL, T_PATH, T_MONEY, T_DOWNSIDE, T_RANGES, T_CHANGE = range(7, 13)
T_SIGNED, T_LOCATED, T_PAID, T_DOLLARS, T_IMPACT, T_PULL, T_SERIAL = range(13, 20)
# The same with rows left out that nobody reads: of a line its variance, of extremes the lowest.
T_TREND, T_HIGHEST = range(20, 22)
N_TREES: Final = 22
# Reads columns only, as statistics do.
STOCH: Final = 22

# Row steps.
CHANGE, ROC, BAR, DIST, OVER, CROSS, SLOPE, R2, POSITION = range(30, 39)
WILLR, CCI, PATH, MFI, AROON = range(40, 45)
ANNUAL, RANGES, YANG_ZHANG, BANDS, SKEWNESS, LESS = range(50, 56)
SHARE, VOLUME_RATIO, VWAP_DIST, DOLLAR_Z, OBV_SLOPE = range(60, 65)
Z, HALF_LIFE, AUTOCORR, VARIANCE_RATIO = range(70, 74)
RANK, ADAPTIVE, TREND_SCORE, MOMENTUM_SCORE = range(80, 84)

# Recursive steps.
EMA, MACD, TRIX, EWMA_VOL, RSI, ATR, ADX = range(90, 97)

# A difference of two columns names both in one parameter, N_COLUMNS·x + y.

# Layout of a step.
CODE, P0, P1, P2, P3 = range(5)
IN0, IN1, IN2, IN3, IN4 = range(5, 10)
OUT0, OUT1, OUT2, OUT3, OUT4 = range(10, 15)
STATE, STATE_END = 15, 16
PROGRAM_WIDTH: Final = 17
