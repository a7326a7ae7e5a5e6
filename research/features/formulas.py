"""What each feature is: the expressions that the catalogue declares features with.

In: windows. Out: `Row` expressions over columns and window statistics (`research.features.nodes`).
"""

from __future__ import annotations

from research.features import nodes
from research.features.nodes import Row, Rows, Step, pair_of, rows_of
from research.kernels import codes as do
from research.kernels.recursive import STATE_SIZE, WARMUP

# --- price --------------------------------------------------------------------------------------------------


def change(later: str, earlier: str, near: int, far: int) -> Row:
    """Difference of two columns at two lags."""
    arguments = (near, far, pair_of(later, earlier))
    return Row(Step("change", do.CHANGE, (near, far), (later, earlier), reach=far, arguments=arguments))


def log_return(n: int) -> Row:
    """Log return over n bars."""
    return change("ln_close", "ln_close", 0, n)


def roc(n: int) -> Row:
    """Rate of change in percent."""
    return Row(Step("roc", do.ROC, (n,), ("close",), reach=n))


def bar() -> Rows:
    """Close location, range, body."""
    return rows_of(Step("bar", do.BAR, (), ("open", "high", "low", "close"), outputs=3))


# --- trend --------------------------------------------------------------------------------------------------


def sma(n: int) -> Row:
    """Average the last n closes."""
    return nodes.mean("close", n)


def dist(average: Row) -> Row:
    """Close over an average − 1."""
    return Row(Step("dist", do.DIST, (), ("close",), (average,)))


def over(x: Row, y: Row, minus: int) -> Row:
    """Ratio of two rows less a constant."""
    return Row(Step("over", do.OVER, (minus,), (), (x, y)))


def cross(fast: int, slow: int) -> Row:
    """Crossing of two simple averages on this very bar."""
    return Row(Step("cross", do.CROSS, (), (), (sma(fast), sma(slow)), history=1, state=1))


def slope(n: int) -> Row:
    """Slope of ln c."""
    return Row(Step("slope", do.SLOPE, (n,), (), nodes.line("ln_close", n)[2:]))


def r2(n: int) -> Row:
    """Share of the variance of ln c that a line explains."""
    return Row(Step("r2", do.R2, (n,), (), nodes.line("ln_close", n)[1:]))


def donchian_pos(n: int) -> Row:
    """Place of the close in the channel of highs and lows."""
    return Row(Step("position", do.POSITION, (), ("close",), nodes.extremes(n)))


# --- momentum -----------------------------------------------------------------------------------------------


def stoch(n: int, smooth: int, signal: int) -> Rows:
    """%K and %D; %K is known signal − 1 bars earlier."""
    reach = n + smooth + signal - 3
    step = Step("stoch", do.STOCH, (n, smooth, signal), ("high", "low", "close"), outputs=2, reach=reach)
    return Row(step, 0, early=signal - 1), Row(step, 1)


def willr(n: int) -> Row:
    """Williams' %R."""
    return Row(Step("willr", do.WILLR, (), ("close",), nodes.extremes(n)))


def cci(n: int) -> Row:
    """Commodity channel index."""
    columns = ("high", "low", "close")
    return Row(Step("cci", do.CCI, (n,), columns, (nodes.typical(n),), reach=n - 1))


def net_over_path(n: int) -> Rows:
    """Chande's oscillator in sum form, Kaufman's efficiency ratio."""
    return rows_of(Step("net_over_path", do.PATH, (n,), ("close",), (nodes.path(n),), 2, reach=n))


def mfi(n: int) -> Row:
    """Money flow index."""
    return Row(Step("mfi", do.MFI, (), (), nodes.money(n)))


def aroon(n: int) -> Row:
    """Aroon oscillator on n + 1 bars."""
    _, since_high, _, since_low = nodes.recency(n + 1)
    return Row(Step("aroon", do.AROON, (n,), (), (since_high, since_low)))


# --- volatility ---------------------------------------------------------------------------------------------


def vol(n: int) -> Row:
    """Sample standard deviation of log returns, per year."""
    return annual(nodes.variance("ret", n)[1], n, n - 1)


def annual(spread: Row, times: int, per: int) -> Row:
    """Volatility per year from a variance per bar, which is first scaled by times/per."""
    return Row(Step("annual", do.ANNUAL, (times, per), (), (spread,)))


def ranges(n: int) -> Rows:
    """Parkinson, Garman-Klass and Rogers-Satchell volatility, per year."""
    return rows_of(Step("ranges", do.RANGES, (), (), nodes.bar_variances(n), outputs=3))


def yang_zhang(n: int) -> Row:
    """Yang-Zhang volatility, per year."""
    overnight = nodes.change_variance("ln_open", "ln_close", 1, n)[1]
    session = nodes.change_variance("ln_close", "ln_open", 0, n)[1]
    return Row(Step("yang_zhang", do.YANG_ZHANG, (n,), (), (overnight, session, nodes.bar_variances(n)[2])))


def bands(n: int) -> Rows:
    """Width of the Bollinger bands, place of the close between them."""
    return rows_of(Step("bands", do.BANDS, (), ("close",), nodes.variance("close", n), outputs=2))


def skew(n: int) -> Row:
    """Skewness of log returns."""
    return Row(Step("skew", do.SKEWNESS, (), (), nodes.third("ret", n)[1:]))


def max_drawdown(n: int) -> Row:
    """Deepest fall from a peak inside the window."""
    return Row(Step("less", do.LESS, (1,), (), (nodes.fall(n)[2],)))


# --- volume -------------------------------------------------------------------------------------------------


def share(part: Row, whole: Row, scale: int = 1) -> Row:
    """Scaled ratio of two means over the same bars."""
    return Row(Step("share", do.SHARE, (scale,), (), (part, whole)))


def impact(n: int) -> Row:
    """Mean |r| per million dollars, over bars that traded."""
    cost, traded = nodes.impact(n)
    return share(cost, traded, 1_000_000)


def volume_ratio(n: int) -> Row:
    """Volume over its mean."""
    return Row(Step("volume_ratio", do.VOLUME_RATIO, (), ("volume",), (nodes.mean("volume", n),)))


def obv_slope(n: int) -> Row:
    """Slope of on-balance volume over mean volume."""
    columns = ("close", "volume")
    return Row(Step("obv_slope", do.OBV_SLOPE, (n,), columns, (nodes.mean("volume", n),), reach=n))


def dollar_z(n: int) -> Row:
    """Dollar volume in standard deviations from its mean."""
    return Row(Step("dollar_z", do.DOLLAR_Z, (), ("close", "volume"), nodes.dollars(n)))


def vwap_dist(n: int) -> Row:
    """Distance to the volume-weighted average price."""
    return Row(Step("vwap_dist", do.VWAP_DIST, (), ("close",), (nodes.paid(n), nodes.mean("volume", n))))


# --- reversion ----------------------------------------------------------------------------------------------


def z(n: int) -> Row:
    """Log price in standard deviations from its mean."""
    inputs = nodes.variance("ln_close", n)
    return Row(Step("z", do.Z, (), ("ln_close",), inputs, arguments=(do.LN_CLOSE,)))


def half_life(n: int) -> Row:
    """Half-life of an Ornstein-Uhlenbeck pull."""
    return Row(Step("half_life", do.HALF_LIFE, (n,), (), nodes.pull(n)[2:]))


def autocorr(n: int) -> Row:
    """Autocorrelation of log returns at lag 1."""
    return Row(Step("autocorr", do.AUTOCORR, (), (), nodes.serial(n)[2:]))


def variance_ratio(q: int, n: int) -> Row:
    """Variance of q-bar returns over q times that of one-bar returns."""
    inputs = nodes.variance("ret", n) + nodes.change_variance("ln_close", "ln_close", q, n - q + 1)
    return Row(Step("variance_ratio", do.VARIANCE_RATIO, (q, n), (), inputs))


# --- scores -------------------------------------------------------------------------------------------------


def rank(x: Row, n: int) -> Rows:
    """Trailing median, and percentage of the window that is not above its newest value."""
    return rows_of(Step("rank", do.RANK, (n,), (), (x,), outputs=2, history=n - 1, state=2 + 2 * n))


def adaptive_momentum() -> Row:
    """Momentum over a lookback that shortens when volatility rises."""
    inputs = (vol(21), rank(vol(21), 252)[0])
    return Row(Step("adaptive", do.ADAPTIVE, (63, 10, 252), ("ln_close",), inputs, reach=252))


def trend_score() -> Row:
    """Trend score."""
    inputs = (sma(50), sma(200), slope(20), donchian_pos(20), adx(14)[0])
    return Row(Step("trend_score", do.TREND_SCORE, (), ("close",), inputs))


def momentum_score() -> Row:
    """Momentum score."""
    inputs = (log_return(21), log_return(63), log_return(126), vol(21))
    return Row(Step("momentum_score", do.MOMENTUM_SCORE, (), (), inputs))


# --- recursive ----------------------------------------------------------------------------------------------


def _recursive(
    kernel: str, code: int, params: tuple[int, ...], columns: tuple[str, ...], outputs: int = 1
) -> Rows:
    warmup = WARMUP[kernel](*params)
    state, arguments = STATE_SIZE[kernel], (*params, warmup)
    return rows_of(
        Step(kernel, code, params, columns, (), outputs, 1, state=state, warmup=warmup, arguments=arguments)
    )


def dist_ema(n: int) -> Row:
    """Distance to the exponential average."""
    return _recursive("dist_ema", do.EMA, (n,), ("close",))[0]


def macd(fast: int, slow: int, signal: int) -> Rows:
    """MACD line, signal line, histogram."""
    return _recursive("macd", do.MACD, (fast, slow, signal), ("close",), 3)


def trix(n: int) -> Row:
    """Rate of change of the triple exponential average."""
    return _recursive("trix", do.TRIX, (n,), ("close",))[0]


def ewma_vol(n: int) -> Row:
    """Exponentially weighted volatility."""
    return _recursive("ewma_vol", do.EWMA_VOL, (n,), ("ret",))[0]


def rsi(n: int) -> Row:
    """Wilder's relative strength index."""
    return _recursive("rsi", do.RSI, (n,), ("close",))[0]


def atr_pct(n: int) -> Row:
    """Wilder's average true range over the close."""
    return _recursive("atr_pct", do.ATR, (n,), ("high", "low", "close"))[0]


def adx(n: int) -> Rows:
    """Wilder's ADX, and the difference of the directional indicators."""
    return _recursive("adx", do.ADX, (n,), ("high", "low", "close"), 2)
