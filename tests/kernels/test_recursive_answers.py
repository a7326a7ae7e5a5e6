"""The recursive kernels against TA-Lib and against tables worked by others.

`warmup` is set to the row of the seed here, so the values that a feature hides are compared too.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import talib

from research.kernels.recursive import adx_nb, atr_pct_nb, dist_ema_nb, ewma_vol_nb, macd_nb, rsi_nb, trix_nb
from tests.kernels.recursive_cases import CASES, Case, Series, bars_of, sample

ANSWERS = Path(__file__).parents[1] / "answers"


def read(table: str) -> dict[str, Series]:
    """Columns of a table of answers; an empty cell is NaN. Dates are left out."""
    with (ANSWERS / table).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.casefold() != "date"]
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


# --- TA-Lib ------------------------------------------------------------------------------------------------


def ta_macd(bars: dict[str, Series], fast: int, slow: int, signal: int) -> list[Series]:
    return [out / bars["close"] for out in talib.MACD(bars["close"], fast, slow, signal)]


def ta_adx(bars: dict[str, Series], n: int) -> list[Series]:
    hlc = bars["high"], bars["low"], bars["close"]
    return [talib.ADX(*hlc, n), talib.PLUS_DI(*hlc, n) - talib.MINUS_DI(*hlc, n)]


def ta_ewma_vol(bars: dict[str, Series], n: int) -> list[Series]:
    # TA-Lib has no volatility of this kind, but its EMA of the squares is the variance.
    squares = bars["r"][1:] ** 2
    return [np.concatenate([[np.nan], np.sqrt(252 * talib.EMA(squares, n))])]


TALIB: dict[str, Callable[..., list[Series]]] = {
    "dist_ema": lambda bars, n: [bars["close"] / talib.EMA(bars["close"], n) - 1],
    "macd": ta_macd,
    "trix": lambda bars, n: [talib.TRIX(bars["close"], n)],
    "ewma_vol": ta_ewma_vol,
    "rsi": lambda bars, n: [talib.RSI(bars["close"], n)],
    "atr_pct": lambda bars, n: [talib.NATR(bars["high"], bars["low"], bars["close"], n) / 100],
    "adx": ta_adx,
}
SIZE = {"rsi": 100.0, "adx": 100.0, "trix": 100.0}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_talib_agrees(case: Case, symbol: str) -> None:
    bars = sample()[symbol]
    # TA-Lib sums 13 movements where Wilder's worksheet sums 14, so ADX differs until that is forgotten.
    begin = case.warmup if case.name == "adx" else case.seed
    out = case.run(bars, warmup=begin)
    for ours, theirs in zip(out, TALIB[case.name](bars, *case.spans), strict=True):
        # Near zero, terms of SIZE cancel: there 1e-13 of that is rounding.
        floor = 1e-4 * SIZE.get(case.name, 1.0)
        if case.name == "adx":
            floor = SIZE["adx"]
        assert np.isnan(ours[:begin]).all()
        error = np.abs(ours - theirs)[begin:] / np.maximum(np.abs(theirs[begin:]), floor)
        assert error.max() <= 1e-9
        if case.name == "adx":
            assert error[2 * case.warmup - begin :].max() <= 1e-13


# --- Stock Indicators' spreadsheets, full precision --------------------------------------------------------


@pytest.fixture(scope="module")
def quotes() -> dict[str, Series]:
    table = read("indicators/quotes.csv")
    return bars_of(table["high"], table["low"], table["close"])


@pytest.fixture(scope="module")
def worked() -> dict[str, Series]:
    return read("indicators/worked.csv")


def filled(
    kernel: Callable[..., None], columns: list[Series], *spans: int, state: int, outputs: int = 1
) -> Series:
    out = np.empty((outputs, columns[0].size))
    kernel(*columns, *spans, 0, np.zeros(state), *out)
    return out


def test_spreadsheets_of_rsi_atr_ema(quotes: dict[str, Series], worked: dict[str, Series]) -> None:
    rows = worked["row"].astype(int)
    close, hlc = quotes["close"], [quotes["high"], quotes["low"], quotes["close"]]
    np.testing.assert_allclose(
        filled(rsi_nb, [close], 14, 14, state=3)[0, rows], worked["rsi_14"], rtol=1e-11
    )
    atr = filled(atr_pct_nb, hlc, 14, 14, state=2)[0, rows]
    np.testing.assert_allclose(100 * atr, worked["atr_percent"], rtol=1e-11)
    ema = close[rows] / (1 + filled(dist_ema_nb, [close], 20, 19, state=2)[0, rows])
    np.testing.assert_allclose(ema, worked["ema_20"], rtol=1e-12)


def test_spreadsheets_of_adx_and_trix(quotes: dict[str, Series], worked: dict[str, Series]) -> None:
    rows = worked["row"].astype(int)
    hlc = [quotes["high"], quotes["low"], quotes["close"]]
    adx, di_diff = filled(adx_nb, hlc, 14, 27, state=5, outputs=2)[:, rows]
    np.testing.assert_allclose(adx, worked["adx_14"], rtol=1e-11)
    np.testing.assert_allclose(di_diff, worked["plus_di_14"] - worked["minus_di_14"], atol=1e-11)
    # Its second and third average start on other values: compared where those are forgotten.
    late = rows >= 331
    trix = filled(trix_nb, [quotes["close"]], 20, 58, state=4)[0, rows]
    np.testing.assert_allclose(trix[late], worked["trix_20"][late], rtol=1e-9, atol=1e-9)


def test_spreadsheet_of_macd(quotes: dict[str, Series], worked: dict[str, Series]) -> None:
    # It seeds the fast average 14 bars before TA-Lib and us do: compared where that is forgotten.
    late = worked["row"] >= 296
    rows = worked["row"][late].astype(int)
    out = (
        filled(macd_nb, [quotes["close"]], 12, 26, 9, 33, state=4, outputs=3)[:, rows] * quotes["close"][rows]
    )
    for ours, name in zip(out, ["macd_line", "macd_signal", "macd_histogram"], strict=True):
        np.testing.assert_allclose(ours, worked[name][late], rtol=1e-9, atol=1e-9)


# --- StockCharts' worked tables, at their printed precision -------------------------------------------------


def test_stockcharts_rsi() -> None:
    table = read("indicators/rsi.csv")
    out = filled(rsi_nb, [table["close"]], 14, 14, state=3)[0]
    # Printed to two decimals from closes that the sheet does not show in full.
    np.testing.assert_allclose(out[14:], table["rsi14"][14:], atol=0.07)


def test_stockcharts_atr() -> None:
    table = read("indicators/atr.csv")
    # Its first bar counts with its range alone. A bar before it that closes inside gives just that.
    # Both the prices and the answers are printed to two decimals.
    high, low, close = (
        np.concatenate([[table["close"][0]], table[name]]) for name in ("high", "low", "close")
    )
    out = filled(atr_pct_nb, [high, low, close], 14, 14, state=2)[0, 1:] * table["close"]
    np.testing.assert_allclose(out[13:], table["atr14_wilder_first_TR_is_H_minus_L"][13:], atol=0.006)


def test_stockcharts_adx() -> None:
    table = read("recursive/adx_worksheet.csv")
    adx, di_diff = filled(adx_nb, [table["High"], table["Low"], table["Close"]], 14, 27, state=5, outputs=2)
    np.testing.assert_allclose(di_diff[27:], (table["+DI14"] - table["-DI14"])[27:], atol=5e-3)
    np.testing.assert_allclose(adx[27:], table["ADX 14"][27:], atol=5e-3)


# --- by hand ------------------------------------------------------------------------------------------------


def test_ema_by_hand() -> None:
    # α = 1/2. Seed (2+4+6)/3 = 4; then (4+10)/2 = 7, (7+3)/2 = 5, (5+5)/2 = 5.
    out = filled(dist_ema_nb, [np.array([2.0, 4, 6, 10, 3, 5])], 3, 2, state=2)[0]
    np.testing.assert_allclose(out, [np.nan, np.nan, 6 / 4 - 1, 10 / 7 - 1, 3 / 5 - 1, 0], atol=1e-15)


def test_rsi_by_hand() -> None:
    # Moves +2, −1, +3, −4. n = 2: gain 1, loss ½; then gain (1+3)/2, loss ¼; then gain 1, loss (¼+4)/2.
    out = filled(rsi_nb, [np.array([10.0, 12, 11, 14, 10])], 2, 2, state=3)[0]
    expected = [np.nan, np.nan, 100 * 1 / 1.5, 100 * 2 / 2.25, 100 * 1 / 3.125]
    np.testing.assert_allclose(out, expected, rtol=1e-15)


def test_atr_by_hand() -> None:
    # True ranges: the bar's own range 2; a gap up, 15−10 = 5; a gap down, 15−8 = 7. Mean 3.5, then 5.25.
    high, low, close = np.array([[11.0, 12, 15, 10], [9, 10, 14, 8], [10, 10, 15, 8]])
    out = filled(atr_pct_nb, [high, low, close], 2, 2, state=2)[0]
    np.testing.assert_allclose(out, [np.nan, np.nan, 3.5 / 15, 5.25 / 8], rtol=1e-15)


def test_adx_by_hand() -> None:
    # n = 2. Movements: up 1 (down 1: neither), up 2, down 3, up 4; true ranges 4, 4, 5, 6.
    high = np.array([10.0, 11, 13, 12, 16])
    low = np.array([8.0, 7, 9, 6, 10])
    close = np.array([9.0, 9, 12, 11, 15])
    # Row 2: TR 4, up 1, down 0, DX 100. Row 3: TR 5, up ½, down 3/2, DX 50; ADX 75, DI 100·(−1)/5 = −20.
    # Row 4: TR (5+6)/2, up (½+4)/2 = 9/4, down 3/4, DX 50; ADX (75+50)/2, DI 100·1.5/5.5.
    adx, di_diff = filled(adx_nb, [high, low, close], 2, 3, state=5, outputs=2)
    np.testing.assert_allclose(adx, [np.nan, np.nan, np.nan, 75, 62.5], rtol=1e-15)
    np.testing.assert_allclose(di_diff, [np.nan, np.nan, np.nan, -20, 150 / 5.5], rtol=1e-15)


def test_macd_by_hand() -> None:
    # Spans 2, 3, 2 (α = 2/3, ½, 2/3). Row 2: slow (3+6+9)/3 = 6, fast (6+9)/2 = 7.5, line 1.5.
    # Row 3: slow (6+12)/2 = 9, fast 7.5/3+8 = 10.5, line 1.5, signal 1.5, histogram 0.
    # Row 4: slow (9+3)/2 = 6, fast 3.5+2 = 5.5, line −0.5, signal 1.5/3−1/3 = 1/6, histogram −2/3; all ÷ 3.
    close = np.array([3.0, 6, 9, 12, 3])
    out = filled(macd_nb, [close], 2, 3, 2, 3, state=4, outputs=3)
    assert np.isnan(out[:, :3]).all()
    np.testing.assert_allclose(out[:, 3], [1.5 / 12, 1.5 / 12, 0], atol=1e-15)
    np.testing.assert_allclose(out[:, 4], [-0.5 / 3, 1 / 18, -2 / 9], rtol=1e-14)


def test_trix_by_hand() -> None:
    # n = 2, α = 2/3. First average: (2+4)/2 = 3 on row 1, 1+4 = 5, 5/3+2 = 11/3, 11/9+6 = 65/9.
    # Second: (3+5)/2 = 4 on row 2, 4/3+22/9 = 34/9, 34/27+130/27 = 164/27.
    # Third: (4+34/9)/2 = 35/9 on row 3, 35/27+328/81 = 433/81.
    out = filled(trix_nb, [np.array([2.0, 4, 6, 3, 9])], 2, 4, state=4)[0]
    assert np.isnan(out[:4]).all()
    np.testing.assert_allclose(out[4], 100 * (433 / 81 / (35 / 9) - 1), rtol=1e-14)


def test_ewma_vol_by_hand() -> None:
    # n = 3, λ = ½. Mean square of 0.01, 0.02, 0.04 is 7e-4; then (7e-4 + 9e-4)/2 = 8e-4.
    out = filled(ewma_vol_nb, [np.array([np.nan, 0.01, -0.02, 0.04, 0.03])], 3, 3, state=2)[0]
    np.testing.assert_allclose(
        out, [np.nan, np.nan, np.nan, np.sqrt(252 * 7e-4), np.sqrt(252 * 8e-4)], rtol=1e-14
    )
