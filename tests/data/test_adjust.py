"""Splits and dividends are read from ratios of the adjustment factor, as vendors and companies state them."""

import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.data.adjust import SPLITS, corporate_actions, factor_from_ratio
from research.errors import BadValue
from tests.data.tables import make_bars

ANSWERS = Path(__file__).parents[1] / "answers" / "data"


def pairs(name: str) -> list[dict]:
    return pl.read_csv(ANSWERS / name).rows(named=True)


def two_bars(row: dict) -> pl.DataFrame:
    close = np.array([row["previous_close"], row["close"]])
    adjusted = np.array([row["previous_adj_close"], row["adj_close"]])
    return priced(row["symbol"], close, adjusted / close)


def priced(symbol: str, close: np.ndarray, factor: np.ndarray) -> pl.DataFrame:
    return make_bars(symbol, close.size).with_columns(close=close, adj_factor=factor)


def actions(bars: pl.DataFrame) -> tuple[float, float, float]:
    factor, close = bars["adj_factor"].to_numpy(), bars["close"].to_numpy()
    growth, split, dividend = corporate_actions(factor[1:] / factor[:-1], close[:-1])
    return growth[0], split[0], dividend[0]


@pytest.mark.parametrize("row", pairs("tiingo_events.csv"), ids=lambda r: f"{r['symbol']}-{r['date']}")
def test_tiingo_states_the_same_splits_and_dividends(row):
    _, split, dividend = actions(factor_from_ratio(two_bars(row), basis="ex_close"))
    assert split == pytest.approx(row["split"], rel=1e-12)
    assert dividend == pytest.approx(row["dividend"], abs=7e-7 * row["previous_close"])


@pytest.mark.parametrize("row", pairs("yahoo_dividends.csv"), ids=lambda r: f"{r['symbol']}-{r['date']}")
def test_yahoo_states_the_same_dividends(row):
    _, split, dividend = actions(two_bars(row))
    assert split == 1.0
    assert dividend == pytest.approx(row["dividend"], abs=3e-4)


@pytest.mark.parametrize("row", pairs("yahoo_spinoffs.csv"), ids=lambda r: r["symbol"])
def test_a_special_dividend_near_a_split_ratio_is_cash(row):
    _, split, dividend = actions(two_bars(row))
    assert split == 1.0
    assert dividend == pytest.approx(row["dividend"], abs=2e-3)


@given(split=st.sampled_from(list(SPLITS)), price=st.floats(1.0, 5000.0), anchor=st.floats(1e-3, 1e3))
def test_every_listed_split_is_read_exactly(split, price, anchor):
    growth, found, dividend = corporate_actions(np.array([anchor * split / anchor]), np.array([price]))
    assert found[0] == pytest.approx(split, rel=1e-15)
    assert growth[0] == found[0]
    assert dividend[0] == 0.0


@given(price=st.floats(1.0, 2000.0), part=st.floats(2e-5, 0.15))
def test_a_dividend_is_read_to_a_millionth_of_the_price(price, part):
    paid = part * price
    growth, split, dividend = corporate_actions(np.array([price / (price - paid)]), np.array([price]))
    assert split[0] == 1.0
    assert dividend[0] == pytest.approx(paid, abs=6e-7 * price)
    # Holding one share is worth the same before and after, as far as the ratio says.
    assert (price - dividend[0]) * growth[0] == pytest.approx(price, rel=1e-12)


def test_a_split_and_a_dividend_on_one_day():
    price, paid = 100.0, 0.5
    ratio = 2.0 * price / (price - paid)
    _, split, dividend = corporate_actions(np.array([ratio]), np.array([price]))
    assert split[0] == 2.0
    assert dividend[0] == pytest.approx(paid, abs=1e-4)


@pytest.mark.parametrize("ratio", [1.0, 1.0 + 9e-6, 1.0 - 9e-6])
def test_noise_is_no_event(ratio):
    growth, split, dividend = corporate_actions(np.array([ratio]), np.array([50.0]))
    assert (growth[0], split[0], dividend[0]) == (1.0, 1.0, 0.0)


def test_a_falling_factor_that_is_no_split_takes_no_cash():
    growth, split, dividend = corporate_actions(np.array([0.97]), np.array([50.0]))
    assert (growth[0], split[0], dividend[0]) == (0.97, 1.0, 0.0)


def penny_shares(decimals: int) -> tuple[pl.DataFrame, float]:
    """A share at 3 USD whose adjusted close, near 0.06, is printed coarsely; one dividend of 0.10."""
    rng = np.random.default_rng(3)
    close = np.round(3.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(400))), 2)
    factor = np.full(400, 0.02)
    factor[200:] *= close[199] / (close[199] - 0.10)
    adjusted = np.round(close * factor, decimals)
    return priced("PENNY", close, adjusted / close), close[199]


def test_rounding_of_a_penny_price_makes_no_dividends():
    raw, _ = penny_shares(6)
    ratio = raw["adj_factor"].to_numpy()[1:] / raw["adj_factor"].to_numpy()[:-1]
    assert np.count_nonzero(corporate_actions(ratio, raw["close"].to_numpy()[:-1])[2]) > 10  # the trap is set
    bars = factor_from_ratio(raw, rounded=True)
    factor, close = bars["adj_factor"].to_numpy(), bars["close"].to_numpy()
    _, split, dividend = corporate_actions(factor[1:] / factor[:-1], close[:-1])
    assert np.all(split == 1.0)
    assert list(np.flatnonzero(dividend)) == [199]
    assert dividend[199] == pytest.approx(0.10, abs=1e-4)


def test_a_column_too_coarse_to_show_dividends_says_so(caplog):
    raw, _ = penny_shares(4)
    with caplog.at_level(logging.WARNING):
        bars = factor_from_ratio(raw, rounded=True)
    assert "PENNY: its adjusted close is rounded to 0.0001" in caplog.text
    ratio = bars["adj_factor"].to_numpy()[1:] / bars["adj_factor"].to_numpy()[:-1]
    assert np.count_nonzero(np.abs(ratio - 1.0) > 1e-9) == 1


def test_rounding_cannot_hide_a_split():
    close = np.array([30.02, 30.31, 15.07, 15.22])
    adjusted = np.round(close * np.array([1.0, 1.0, 2.0, 2.0]) * 0.0123, 3)
    bars = priced("X", close, adjusted / close)
    factor = factor_from_ratio(bars, rounded=True)["adj_factor"].to_numpy()
    assert list(factor[1:] / factor[:-1]) == [1.0, 2.0, 1.0]


def test_a_stock_without_actions_is_not_called_coarse(caplog):
    bars = priced("FB", np.array([2.55, 2.57, 2.61]), np.ones(3))
    with caplog.at_level(logging.WARNING):
        assert factor_from_ratio(bars, rounded=True)["adj_factor"].to_list() == [1.0, 1.0, 1.0]
    assert not caplog.text


def test_a_column_in_full_is_left_alone():
    bars = priced("X", np.array([20.0, 21.0]), np.array([1 / 3, 1 / 3]))
    assert factor_from_ratio(bars, rounded=True) is bars


def test_a_later_bar_changes_no_earlier_factor():
    raw, _ = penny_shares(6)
    whole = factor_from_ratio(raw, basis="ex_close", rounded=True)["adj_factor"].to_numpy()
    part = factor_from_ratio(raw[:250], basis="ex_close", rounded=True)["adj_factor"].to_numpy()
    assert np.array_equal(whole[:250], part)


def test_an_unknown_basis_is_refused():
    with pytest.raises(BadValue, match="`dividend_basis` must be 'previous_close' or 'ex_close', was 'x'"):
        factor_from_ratio(pl.DataFrame(), basis="x")  # type: ignore[arg-type]


def test_a_factor_that_falls_without_a_split_is_told(caplog):
    bars = make_bars(adj_factor=[1.0, 1.0, 0.97, 0.97, 0.0485])  # a fault, then a reverse split 1:20
    with caplog.at_level(logging.WARNING):
        assert factor_from_ratio(bars) is bars
    assert "ACME: adj_factor falls by 3.00 % at 2020-01-04 21:00:00+00:00 (1 such bars)" in caplog.text


def test_rounding_is_no_fall(caplog):
    """Printed coarsely, an adjusted close falls against the close by up to a rounding unit a bar."""
    raw, _ = penny_shares(6)
    ratio = raw["adj_factor"].to_numpy()[1:] / raw["adj_factor"].to_numpy()[:-1]
    assert np.count_nonzero(ratio < 1.0 - 1e-5) > 10  # the trap is set
    with caplog.at_level(logging.WARNING):
        factor_from_ratio(raw, rounded=True)
    assert "falls" not in caplog.text
