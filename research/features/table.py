"""The catalogue as a table: one line per family of features, with the windows that are in it.

Columns of a line: name, windows, expression, formula, where it is not a number, source.
``[n]`` is "n bars ago", r = ln(c/c[1]), h l o c v the adjusted bar, σ a sample standard deviation.
Where the third text is empty, the feature is a number on every bar after its warm-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from research.features import formulas as f
from research.features import nodes
from research.features.nodes import Row

__all__ = ["TABLE", "Family"]

FLAT = "NaN while the window is flat"
HEIGHT = "NaN while the channel has no height"
TRADED = "NaN while the window has no volume"
STILL = "NaN while the price stands still"
ZERO = "0 while the window is flat"


@dataclass(frozen=True)
class Family:
    """A line of the table; `least` is the smallest window that has a meaning."""

    pattern: str
    windows: tuple[int | tuple[int, ...], ...]
    expression: Callable[..., Row]
    formula: str
    undefined: str
    source: str
    least: int = 2


_ = Family
_LAGS: Final = (1, 2, 5, 10, 21, 63, 126, 252)

# fmt: off
TABLE: Final[Mapping[str, tuple[Family, ...]]] = MappingProxyType({
    "price": (
        _("ret_{n}", _LAGS, f.log_return, "ln(c/c[n])", "", "clm", 1),
        _("mom_12_1", (), lambda: f.change("ln_close", "ln_close", 21, 252),
          "ln(c[21]/c[252])", "", "jegadeesh"),
        _("gap", (), lambda: f.change("ln_open", "ln_close", 0, 1), "ln(o/c[1])", "", "lou"),
        _("intraday", (), lambda: f.change("ln_close", "ln_open", 0, 0), "ln(c/o)", "", "lou"),
        _("clv", (), lambda: f.bar()[0], "(2c − h − l)/(h − l)", "0 on a bar without a range", "chaikin"),
        _("range_pct", (), lambda: f.bar()[1], "(h − l)/c", "", "alizadeh"),
        _("body", (), lambda: f.bar()[2], "(c − o)/(h − l)", "0 on a bar without a range", "nison"),
    ),
    "trend": (
        _("dist_sma_{n}", (5, 10, 20, 50, 200), lambda n: f.dist(f.sma(n)), "c/SMA(c) − 1", "", "brock"),
        _("dist_ema_{n}", (12, 26, 50), f.dist_ema, "c/EMA(c) − 1, α = 2/(n+1)", "", "appel"),
        _("sma_{a}_{b}", ((20, 50), (50, 200)), lambda a, b: f.over(f.sma(a), f.sma(b), 1),
          "SMA(c, a)/SMA(c, b) − 1", "", "brock"),
        _("sma_cross_{a}_{b}", ((20, 50),), f.cross,
          "+1 if SMA(a) > SMA(b) on this bar and not on the one before, −1 if below, else 0", "", "brock"),
        _("slope_{n}", (20,), f.slope, "least-squares slope of ln c per bar", "", "ols"),
        _("r2_{n}", (20,), f.r2, "r² of that line", FLAT, "ols", 3),
        _("hi_dist_{n}", (20, 252), lambda n: f.dist(nodes.extremes(n)[0]), "c/max(h) − 1", "", "george"),
        _("lo_dist_{n}", (20,), lambda n: f.dist(nodes.extremes(n)[1]), "c/min(l) − 1", "", "george"),
        _("donchian_pos_{n}", (20,), f.donchian_pos,
          "(c − min(l))/(max(h) − min(l))", HEIGHT, "donchian"),
    ),
    "momentum": (
        _("rsi_{n}", (2, 14), f.rsi, "100·G/(G+L), Wilder's averages of gains and losses", "", "wilder"),
        _("macd_line", (), lambda: f.macd(12, 26, 9)[0], "(EMA(c, 12) − EMA(c, 26))/c", "", "appel"),
        _("macd_signal", (), lambda: f.macd(12, 26, 9)[1], "EMA(EMA(c, 12) − EMA(c, 26), 9)/c", "", "appel"),
        _("macd_hist", (), lambda: f.macd(12, 26, 9)[2], "macd_line − macd_signal", "", "appel"),
        _("stoch_k", (), lambda: f.stoch(14, 3, 3)[0],
          "SMA of 3 of 100·(c − min(l, 14))/(max(h, 14) − min(l, 14))", HEIGHT, "lane"),
        _("stoch_d", (), lambda: f.stoch(14, 3, 3)[1], "SMA(stoch_k, 3)", HEIGHT, "lane"),
        _("willr_{n}", (14,), f.willr, "−100·(max(h) − c)/(max(h) − min(l))", HEIGHT, "williams"),
        _("roc_{n}", (10, 20), f.roc, "100·(c/c[n] − 1)", "", "wilder", 1),
        _("cci_{n}", (20,), f.cci, "(p − SMA(p))/(0.015·mean|p − SMA(p)|), p = (h+l+c)/3", FLAT, "lambert"),
        _("cmo_{n}", (14,), lambda n: f.net_over_path(n)[0], "100·(c − c[n])/Σ|Δc|", FLAT, "chande_cmo"),
        _("mfi_{n}", (14,), f.mfi, "100·Σpv of risen/Σpv of risen or fallen, p = (h+l+c)/3",
          "NaN while no money flows", "quong"),
        _("aroonosc_{n}", (14,), f.aroon, "100·(bars since the low − since the high)/n", "", "chande_aroon"),
        _("adx_{n}", (14,), lambda n: f.adx(n)[0],
          "Wilder's average of 100·|+DI − −DI|/(+DI + −DI)", "", "wilder"),
        _("di_diff_{n}", (14,), lambda n: f.adx(n)[1], "+DI − −DI", "", "wilder"),
        _("trix_{n}", (15,), f.trix, "100·(E/E[1] − 1), E = EMA(EMA(EMA(c)))", "", "hutson"),
        _("er_{n}", (10,), lambda n: f.net_over_path(n)[1], "|c − c[n]|/Σ|Δc|", FLAT, "kaufman"),
    ),
    "volatility": (
        _("atr_pct_{n}", (14,), f.atr_pct, "Wilder's average of the true range/c", "", "wilder"),
        _("vol_{n}", (10, 21, 63), f.vol, "σ(r)·√252", "", "hull"),
        _("parkinson", (), lambda: f.ranges(21)[0], "√(252·mean(ln²(h/l)/(4 ln 2), 21))", "", "parkinson"),
        _("garman_klass", (), lambda: f.ranges(21)[1],
          "√(252·mean(½ ln²(h/l) − (2 ln 2 − 1)·ln²(c/o), 21))", "", "garman"),
        _("rogers_satchell", (), lambda: f.ranges(21)[2],
          "√(252·mean(ln(h/c)·ln(h/o) + ln(l/c)·ln(l/o), 21))", "", "rogers"),
        _("yang_zhang_{n}", (21,), f.yang_zhang,
          "√(252·(σ²(gap) + k·σ²(intraday) + (1−k)·σ²RS)), k = 0.34/(1.34 + (n+1)/(n−1))", "", "yang"),
        _("bb_width_{n}", (20,), lambda n: f.bands(n)[0], "4·σ(c)/SMA(c), population σ", "", "bollinger"),
        _("bb_pctb_{n}", (20,), lambda n: f.bands(n)[1],
          "(c − lower)/(upper − lower), bands SMA(c) ± 2 population σ", FLAT, "bollinger"),
        _("vol_ratio_{a}_{b}", ((10, 63),), lambda a, b: f.over(f.vol(a), f.vol(b), 0),
          "vol_a/vol_b", STILL, "own"),
        _("ewma_vol_{n}", (60,), f.ewma_vol, "√(252·EWMA(r²)), α = 2/(n+1)", "", "riskmetrics"),
        _("downside_vol_{n}", (21,), lambda n: f.annual(nodes.losses(n), 1, 1),
          "√(252·mean(min(r, 0)²))", "", "sortino", 1),
        _("skew_{n}", (63,), f.skew, "m₃/m₂^1.5 of r, population moments", FLAT, "joanes", 3),
        _("maxdd_{n}", (63,), f.max_drawdown, "min over i ≤ j of c[j]/c[i] − 1", "", "magdon"),
    ),
    "volume": (
        _("volume_ratio_{n}", (20,), f.volume_ratio, "v/SMA(v)", TRADED, "gervais"),
        _("volume_trend", (), lambda: f.over(nodes.mean("volume", 5), nodes.mean("volume", 20), 1),
          "SMA(v, 5)/SMA(v, 20) − 1", TRADED, "lee"),
        _("obv_flow_{n}", (20,), lambda n: f.share(nodes.signed_volume(n), nodes.mean("volume", n)),
          "Σ sgn(Δc)·v/Σv", TRADED, "granville"),
        _("obv_slope_{n}", (20,), f.obv_slope,
          "least-squares slope of OBV per bar/SMA(v)", TRADED, "granville"),
        _("cmf_{n}", (20,), lambda n: f.share(nodes.located_volume(n), nodes.mean("volume", n)),
          "Σ clv·v/Σv", TRADED, "chaikin"),
        _("dollar_vol_z{n}", (20,), f.dollar_z, "(cv − SMA(cv))/σ(cv), population σ",
          "NaN while dollar volume is constant", "chordia"),
        _("amihud_{n}", (21,), f.impact,
          "10⁶·mean of |r|/(c·v) over bars with volume", TRADED, "amihud"),
        _("vwap_dist_{n}", (20,), f.vwap_dist, "c·Σv/Σpv − 1, p = (h+l+c)/3", TRADED, "berkowitz"),
    ),
    "reversion": (
        _("z_{n}", (20, 60), f.z, "(ln c − SMA(ln c))/σ(ln c), population σ", FLAT, "chan"),
        _("ou_halflife_{n}", (60,), f.half_life, "−ln 2/ln(1+b), Δx = a + b·x[1], x = ln c",
          "NaN unless −1 < b < 0 and t(b) < −2", "chan", 4),
        _("autocorr1_{n}", (63,), f.autocorr, "correlation of r and r[1]", FLAT, "clm", 3),
        _("variance_ratio_{q}_{n}", ((5, 63),), f.variance_ratio,
          "var of overlapping q-bar returns/(q·var of returns), unbiased", FLAT, "lo"),
    ),
    "adaptive": (
        _("adaptive_mom", (), f.adaptive_momentum,
          "(ln c − ln c[L])/(σ·√L), L = clip(rint(63·median(σ, 252)/σ), 10, 252), σ = σ(r, 21)",
          STILL, "moskowitz"),
    ),
    "score": (
        _("trend_score", (), f.trend_score,
          "25·[c>SMA50] + 25·[SMA50>SMA200] + 20·[slope_20>0] + 15·donchian_pos_20 + 15·clip(ADX/50, 0, 1)",
          HEIGHT, "own"),
        _("momentum_score", (), f.momentum_score,
          "100·tanh(mean of ret_21, ret_63, ret_126, each/(σ(r, 21)·√n))", STILL, "moskowitz"),
        _("risk_score", (), lambda: f.rank(f.vol(21), 252)[1],
          "100·share of the last 252 values of vol_21 that are ≤ the newest", "", "own"),
    ),
})
# fmt: on
