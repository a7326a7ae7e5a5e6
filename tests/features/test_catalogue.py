"""The catalogue against the design's list, typed by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from research.errors import BadValue, UnknownName
from research.features.catalogue import FEATURES, LONGEST_WINDOW, feature

ANSWERS = Path(__file__).parents[1] / "answers" / "features" / "lookbacks.csv"
FAMILIES = {"price", "trend", "momentum", "volatility", "volume", "reversion", "adaptive", "score"}


def design() -> dict[str, str]:
    lines = [line for line in ANSWERS.read_text().splitlines() if not line.startswith("#")]
    return {row["name"]: row["lookback"] for row in csv.DictReader(lines)}


def test_every_feature_of_the_design_is_there_and_one_more():
    assert set(FEATURES) == {*design(), "sma_cross_20_50"}
    assert len(design()) >= 79


@pytest.mark.parametrize(("name", "lookback"), design().items())
def test_lookback_is_the_design_s(name, lookback):
    found = FEATURES[name]
    assert found.recursive == (lookback == "R")
    if lookback != "R":
        assert found.lookback == int(lookback)


def test_the_old_rule_s_feature_looks_back_its_slow_window():
    assert FEATURES["sma_cross_20_50"].lookback == 50


@pytest.mark.parametrize("name", FEATURES)
def test_every_entry_says_what_it_is(name):
    found = FEATURES[name]
    assert found.name == name
    assert found.family in FAMILIES
    assert found.kernel
    assert found.inputs
    assert set(found.inputs) <= {
        *["open", "high", "low", "close", "volume"],
        "ln_open",
        "ln_high",
        "ln_low",
        "ln_close",
        "ret",
    }
    assert len(found.formula) >= 5
    assert found.source == "this project" or any(c.isdigit() for c in found.source) or "Hull" in found.source
    assert found.undefined == "" or found.undefined.startswith(("NaN ", "0 "))


def test_equal_expressions_are_equal_objects():
    assert feature("dist_sma_20").row.step.inputs[0] == feature("sma_20_50").row.step.inputs[0]
    assert feature("dist_sma_37") == feature("dist_sma_37")


@pytest.mark.parametrize(
    ("name", "lookback", "params"),
    [
        ("dist_sma_37", 36, (37,)),
        ("sma_10_100", 99, (10, 100)),
        ("sma_cross_5_60", 60, (5, 60)),
        ("ret_1000", 1000, (1000,)),
        ("vol_5", 5, (5,)),
        ("variance_ratio_2_20", 20, (2, 20)),
        ("autocorr1_20", 21, (20,)),
        ("dollar_vol_z10", 9, (10,)),
        ("hi_dist_2520", 2519, (2520,)),
        ("yang_zhang_5", 5, (5,)),
        ("maxdd_10", 9, (10,)),
        ("obv_slope_10", 10, (10,)),
    ],
)
def test_other_windows_of_a_family(name, lookback, params):
    found = feature(name)
    assert (found.name, found.lookback, found.params) == (name, lookback, params)


@pytest.mark.parametrize("name", ["rsi_7", "adx_20", "dist_ema_9", "trix_5", "ewma_vol_20", "atr_pct_7"])
def test_other_windows_of_a_recursion_warm_up_longer_than_they_are(name):
    found = feature(name)
    assert found.recursive
    assert found.lookback > 2 * found.params[0]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("rsi14", "rsi_14"),
        ("momentum_scor", "momentum_score"),
        ("DIST_SMA_20", "dist_sma_20"),
        ("bb_pctb20", "bb_pctb_20"),
    ],
)
def test_unknown_name_offers_the_nearest(name, nearest):
    with pytest.raises(UnknownName, match=rf"unknown feature '{name}'; did you mean '{nearest}'\?"):
        feature(name)


@pytest.mark.parametrize(
    "name", ["", "ret_05", "ret_1.5", "ret_-1", "ret_", "sma_20", "rsi_14 ", "mom_12_2", "macd_5"]
)
def test_no_family_has_this_name(name):
    with pytest.raises(UnknownName, match="unknown feature"):
        feature(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ret_0", r"windows of ret_\{n\} must be 1 to 2520 bars, was 0 in 'ret_0'"),
        ("dist_sma_1", "must be 2 to 2520 bars, was 1"),
        (f"vol_{LONGEST_WINDOW + 1}", "must be 2 to 2520 bars, was 2521"),
        ("sma_50_20", r"windows of sma_\{a\}_\{b\} must increase, were \(50, 20\)"),
        ("sma_cross_20_20", "must increase"),
        ("skew_2", "must be 3 to 2520"),
    ],
)
def test_window_out_of_bounds_is_named_with_its_rule(name, message):
    with pytest.raises(BadValue, match=message):
        feature(name)


def test_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        FEATURES["mine"] = FEATURES["ret_1"]  # type: ignore[index]
