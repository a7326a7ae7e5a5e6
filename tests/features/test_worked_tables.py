"""Features and oracles against tables that others worked out (tests/answers/indicators)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import talib

from research.features.catalogue import feature
from research.features.matrix import feature_matrix
from tests.features.oracles import ORACLES
from tests.features.oracles.momentum import wilder
from tests.features.oracles.tables import bar_table
from tests.features.oracles.windows import Bars, Series

ANSWERS = Path(__file__).parents[1] / "answers" / "indicators"
PRICES = ("open", "high", "low", "close", "volume")


def read(name: str) -> pl.DataFrame:
    return pl.read_csv(ANSWERS / f"{name}.csv", infer_schema_length=None)


def column(table: pl.DataFrame, name: str) -> Series:
    return np.array(table[name].cast(pl.Float64).to_numpy())


def ours(bars: Bars, *names: str) -> dict[str, Series]:
    """Features by name on one made-up symbol with these bars."""
    matrix = feature_matrix(bar_table("TABLE", bars), list(names)).sort("bar_close")
    return {name: column(matrix, name) for name in names}


def equal(name: str, value: Series, expected: Series, rtol: float, atol: float, least: int) -> None:
    """Compare where the feature has a value, and refuse a comparison of nothing."""
    known = ~np.isnan(value) & ~np.isnan(expected)
    assert known.sum() >= least, f"{name}: {known.sum()} rows to compare"
    np.testing.assert_allclose(value[known], expected[known], rtol=rtol, atol=atol, err_msg=name)


@pytest.fixture(scope="module")
def quotes() -> Bars:
    table = read("quotes")
    return Bars(*(column(table, name) for name in PRICES))


@pytest.fixture(scope="module")
def worked() -> dict[str, Series]:
    table = read("worked")
    return {name: column(table, name) for name in table.columns if name != "date"}


def test_worked_spreadsheets(quotes: Bars, worked: dict[str, Series]) -> None:
    w = worked
    row = w["row"].astype(int)
    close, volume = quotes.close[row], quotes.volume[row]
    flow = talib.SUM(quotes.volume, 20)[row]
    expected = {
        "rsi_14": w["rsi_14"],
        "atr_pct_14": w["atr_percent"] / 100,
        "adx_14": w["adx_14"],
        "di_diff_14": w["plus_di_14"] - w["minus_di_14"],
        "macd_line": w["macd_line"] / close,
        "macd_signal": w["macd_signal"] / close,
        "macd_hist": w["macd_histogram"] / close,
        "dist_sma_20": close / w["sma_20"] - 1,
        "bb_width_20": w["bb_width_20"],
        "bb_pctb_20": w["bb_pctb_20"],
        "stoch_k": w["stoch_k"],
        "stoch_d": w["stoch_d"],
        "willr_14": w["willr_14"],
        "cmo_14": w["cmo_14"],
        "mfi_14": w["mfi_14"],
        "roc_20": w["roc_20"],
        "er_10": w["er_10"],
        "cmf_20": w["cmf_20"],
        "volume_ratio_20": volume / w["sma_20_of_volume"],
        "obv_flow_20": (w["obv"] - w["obv_20_bars_ago"]) / flow,
        "hi_dist_20": close / w["highest_20"] - 1,
        "lo_dist_20": close / w["lowest_20"] - 1,
        "donchian_pos_20": (close - w["lowest_20"]) / (w["highest_20"] - w["lowest_20"]),
    }
    values = ours(quotes, *expected)
    for name, answer in expected.items():
        # The workbook's seed is forgotten to 1e-9 of the output's unit, like ours.
        least = 8 if feature(name).recursive else 18
        equal(
            name,
            values[name][row],
            answer,
            rtol=1e-9,
            atol=1e-8 if feature(name).recursive else 1e-12,
            least=least,
        )


def test_worked_spreadsheets_of_other_windows(quotes: Bars, worked: dict[str, Series]) -> None:
    row = worked["row"].astype(int)
    values = ours(quotes, "aroonosc_25", "trix_20", "dist_ema_20")
    equal("aroonosc_25", values["aroonosc_25"][row], worked["aroon_osc_25"], 1e-12, 1e-12, 22)
    equal("trix_20", values["trix_20"][row], worked["trix_20"], 1e-9, 1e-9, 8)
    equal("dist_ema_20", values["dist_ema_20"][row], quotes.close[row] / worked["ema_20"] - 1, 1e-9, 1e-9, 8)


def test_worked_spreadsheets_of_the_close(quotes: Bars, worked: dict[str, Series]) -> None:
    """The workbook regresses the close, we its logarithm: give us bars whose logarithm is the close."""
    row = worked["row"].astype(int)
    o, h, l, c = (np.exp(x / 100) for x in quotes[:4])
    values = ours(Bars(o, h, l, c, quotes.volume), "slope_20", "r2_20", "z_20", "z_10")
    equal("slope_20", 100 * values["slope_20"][row], worked["slope_20_of_close"], 1e-9, 1e-11, 22)
    equal("r2_20", values["r2_20"][row], worked["r2_20_of_close"], 1e-9, 1e-11, 22)
    equal("z_20", values["z_20"][row], worked["z_20_of_close"], 1e-9, 1e-11, 22)
    equal("z_10", values["z_10"][row], worked["z_10_of_close"], 1e-9, 1e-11, 22)


def test_worked_vwap() -> None:
    table = read("vwap")
    bars = Bars(*(column(table, name) for name in PRICES))
    money, shares = column(table, "CumVTP"), column(table, "CumVol")
    vwap = np.full(len(money), np.nan)
    vwap[20:] = (money[20:] - money[:-20]) / (shares[20:] - shares[:-20])
    vwap[19] = money[19] / shares[19]
    value = ours(bars, "vwap_dist_20")["vwap_dist_20"]
    equal("vwap_dist_20", value, bars.close / vwap - 1, 1e-9, 1e-12, 21)


def test_printed_bollinger_bands() -> None:
    table = read("bollinger")
    close = column(table, "close")
    value = ours(Bars(close, close, close, close, np.ones_like(close)), "bb_width_20", "bb_pctb_20")
    upper, lower = column(table, "bb_upper"), column(table, "bb_lower")
    # Bands are printed to the cent: half a cent each on a width of five dollars and more.
    equal("bb_width_20", value["bb_width_20"], (upper - lower) / column(table, "bb20_2_mid"), 0, 1.2e-4, 23)
    equal("bb_pctb_20", value["bb_pctb_20"], (close - lower) / (upper - lower), 0, 1e-3, 23)


def test_printed_stochastic() -> None:
    table = read("stochastic")
    close = column(table, "close_first13_are_placeholders")
    high, low = column(table, "high"), column(table, "low")
    value = ours(Bars(close, high, low, close, np.ones_like(close)), "stoch_k", "willr_14")
    # The table's signal line is the 3-bar mean of the fast %K, which is what slow %K means.
    equal("stoch_k", value["stoch_k"], column(table, "d3"), 0, 0.006, 15)
    equal("willr_14", value["willr_14"], column(table, "fast_k14") - 100, 0, 0.006, 15)


def test_oracles_hold_to_the_printed_seeds() -> None:
    """RSI and ATR from their first bar on: too short for a feature that waits until the seed is forgotten."""
    table = read("rsi")
    close = column(table, "close")
    rsi = ORACLES["rsi_14"](close, close, close, close, close)
    equal("rsi_14", rsi, column(table, "rsi14"), 0, 0.006, 19)

    table = read("atr")
    high, low, close = (column(table, name) for name in ("high", "low", "close"))
    printed = column(table, "atr14_wilder_first_TR_is_H_minus_L")
    # The table counts high − low of bar 0 as a range, so its average starts one bar before TA-Lib's.
    ranges = np.concatenate([[np.nan, high[0] - low[0]], talib.TRANGE(high, low, close)[1:]])
    equal("atr_14", wilder(ranges, 14)[1:], printed, 0, 0.006, 17)
