"""Every feature against a computation that shares nothing with it but the formula."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from research.features.catalogue import FEATURES

from research.data.sample import load_sample
from tests.features.oracles import ORACLES
from tests.features.oracles.lookbacks import RECURSIVE, WINDOW
from tests.features.oracles.market import Market
from tests.features.oracles.mutants import MUTANTS
from tests.features.oracles.synthetic import synthetic
from tests.features.oracles.tables import bar_table, own_bars
from tests.features.oracles.tolerance import RELATIVE, disagreements, undecided
from tests.features.oracles.windows import Bars, Series

pytestmark = pytest.mark.filterwarnings("error")

NAMES = sorted(FEATURES)
SCALES = {"atr_pct_14", "ewma_vol_60"}
"""Recursive features whose error is relative: they are scales themselves, the others have one."""


@pytest.fixture(scope="module")
def sample() -> Market:
    return Market.of(load_sample())


@pytest.fixture(scope="module")
def troubles() -> Market:
    return Market.of(pl.concat([bar_table(symbol, bars) for symbol, bars in synthetic().items()]))


@pytest.fixture(scope="module")
def stocks() -> list[Bars]:
    return list(own_bars(load_sample(["AAPL", "IBM", "MSFT"])).values())


def settled(name: str) -> int:
    """Bar from which a recursive feature's seed is below the last bit; 0 for windows."""
    return 2 * FEATURES[name].lookback if name in RECURSIVE else 0


def complaint(name: str, symbol: str, wrong: NDArray[np.bool_], value: Series, expected: Series) -> str:
    """First disagreement in words."""
    t = int(np.flatnonzero(wrong)[0])
    return (
        f"{name} of {symbol}: {wrong.sum()} of {len(wrong)} bars differ, "
        f"first bar {t}: {value[t]!r}, oracle {expected[t]!r}"
    )


def check(market: Market, name: str) -> None:
    """Compare one feature on every symbol, values and NaN."""
    lookback = FEATURES[name].lookback
    for symbol, bars in market.bars.items():
        value, expected = market.values[symbol][name], ORACLES[name](*bars)
        assert len(value) == len(expected)
        expected = np.where(np.arange(len(expected)) < lookback, np.nan, expected)
        wrong = disagreements(name, value, expected, settled(name)) & ~undecided(name, bars)
        assert not wrong.any(), complaint(name, symbol, wrong, value, expected)


def test_every_feature_has_an_oracle_lookback_and_mutant() -> None:
    assert set(FEATURES) == set(ORACLES)
    assert set(WINDOW) | set(RECURSIVE) == set(ORACLES)
    assert set(MUTANTS) == set(ORACLES)


@pytest.mark.parametrize("name", NAMES)
def test_feature_equals_oracle_on_the_sample(sample: Market, name: str) -> None:
    check(sample, name)


@pytest.mark.parametrize("name", NAMES)
def test_feature_equals_oracle_in_trouble(troubles: Market, name: str) -> None:
    check(troubles, name)


@pytest.mark.parametrize("name", sorted(WINDOW))
def test_window_lookback_is_the_designs(stocks: list[Bars], name: str) -> None:
    assert FEATURES[name].lookback == WINDOW[name]
    assert not FEATURES[name].recursive
    for bars in stocks:
        first = np.flatnonzero(~np.isnan(ORACLES[name](*bars)))[0]
        # A half-life exists only where there is a pull; all others from the first full window on.
        assert first >= WINDOW[name] if name == "ou_halflife_60" else first == WINDOW[name]


@pytest.mark.parametrize("name", sorted(RECURSIVE))
def test_recursive_lookback_forgets_the_seed(stocks: list[Bars], name: str) -> None:
    least, most = RECURSIVE[name]
    lookback = FEATURES[name].lookback
    assert least <= lookback <= most
    assert FEATURES[name].recursive
    for bars in stocks:
        endless = ORACLES[name](*bars)
        for start in range(7, 2000, 131):
            end = start + lookback + 200
            cold = ORACLES[name](*(x[start:end] for x in bars))
            scale = np.abs(endless[start:end]) if name in SCALES else 1.0
            error = np.abs(cold - endless[start:end]) / scale
            assert (error[lookback:] <= RELATIVE).all(), f"from bar {start}: {error[lookback:].max():.1e}"


@pytest.mark.parametrize("name", NAMES)
def test_comparison_refuses_wrong_variants(stocks: list[Bars], name: str) -> None:
    for label, mutant in MUTANTS[name].items():
        refused = 0
        for bars in stocks:
            expected = ORACLES[name](*bars)
            wrong = disagreements(name, mutant(*bars), expected, settled(name)) & ~undecided(name, bars)
            refused += int(wrong[FEATURES[name].lookback + 1 :].sum())  # not for a longer warm-up alone
        assert refused > 0, f"{name} would pass as {label}"


@pytest.mark.parametrize("name", NAMES)
def test_rounding_decides_almost_nowhere(stocks: list[Bars], name: str) -> None:
    for bars in stocks:
        assert undecided(name, bars).mean() < 0.01
