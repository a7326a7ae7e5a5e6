"""The audit sees what it should: nothing in clean pipelines, every leak, and where each of them is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from research.data import load_sample, to_panel
from research.errors import BadValue, NotEnoughHistory, UnknownName
from research.evidence.audit import audit, catch_leaks, plantable_leaks
from research.evidence.audit_setup import audit_bars, audit_settings
from research.evidence.futures import KINDS, replace_future
from research.evidence.leaks import planted_leaks
from research.evidence.traces import STAGES, Pipeline, Stage, Trace, compare
from research.learning.seams import Seams
from research.report.audits import verdict

SYMBOLS = ("AAPL", "IBM")
# One learner, early models: the small sibling of `audit_settings`.
SMALL = replace(
    audit_settings(retrain_every=42),
    learners=("lightgbm",),
    features=("ret_5", "vol_21"),
    tuning={"lightgbm": {"trees": 3}},
)
# One leak at every seam; `python -m research audit` plants them all.
SOME = (
    "next_bar", "back_adjusted_prices", "label_at_birth", "overlapping_labels", "leaky_calibrator",
    "next_low_stop", "drift_reference", "importance_of_all", "weights_of_all", "mean_imputation",
    "best_threshold", "dividend_foreseen",
)  # fmt: skip


@pytest.fixture(scope="module")
def bars():
    return audit_bars(load_sample(list(SYMBOLS)))


# --- other futures -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_futures_are_valid_and_leave_the_past_alone(bars, kind):
    when = bars["bar_close"].unique().sort()
    made = replace_future(bars, when[500], when[560], kind, np.random.default_rng(3))
    panel, true = to_panel(made, SYMBOLS), to_panel(bars, SYMBOLS)  # refuses bars that break a rule
    for name in ("open", "high", "low", "close", "volume", "factor", "split", "dividend"):
        assert np.array_equal(getattr(panel, name)[:501], getattr(true, name)[:501], equal_nan=True), name
    assert len(panel) == (501 if kind == "truncated" else 561)
    later = panel.close[501:]
    if kind == "missing":
        assert np.isnan(later).all(axis=0).sum() == len(SYMBOLS) - 1
    if kind == "tenfold":
        assert np.array_equal(later, 10.0 * true.close[501:561])
    if kind in {"noise", "missing"}:
        leap = np.log(later[0] * true.split[501] / true.close[500])
        assert np.abs(leap[np.isfinite(leap)]) == pytest.approx(0.4), "there is a crash, or its opposite"
    if kind == "noise":
        told = (panel.dividend[501] > 0.0) | (panel.split[501] != 1.0)
        assert told.all(), "each symbol has a split or a dividend that nobody could know of"
        assert not np.isclose(later, true.close[501:561]).all(axis=1).any()


def test_unknown_future_is_refused(bars):
    when = bars["bar_close"].unique().sort()
    with pytest.raises(UnknownName, match="did you mean 'noise'"):
        replace_future(bars, when[5], when[9], "noize", np.random.default_rng(3))


# --- comparing ---------------------------------------------------------------------------------


def made_trace(**stages):
    when = np.arange("2020-01-01", "2020-01-06", dtype="datetime64[D]").astype("datetime64[us]")
    return Trace(("A", "B"), when, stages)


def test_first_difference_is_of_the_first_stage_known_then():
    bar, symbol = np.array([1, 1, 3]), np.array([0, 1, 1])
    one = Stage(bar, symbol, np.array([[1.0], [np.nan], [3.0]]))
    other = Stage(bar, symbol, np.array([[1.0], [np.nan], [4.0]]))
    both = made_trace(features=one, signals=one), made_trace(features=one, signals=other)
    assert compare(*both, 2) is None, "NaN equals NaN, and bar 3 was not known"
    found = compare(*both, 3)
    assert found is not None
    assert found == ("signals", 3, "B", ("signals",))


def test_a_row_too_many_is_a_difference():
    long = Stage(np.array([1, 2]), np.array([0, -1]), np.array([[1.0], [2.0]]))
    short = Stage(long.bar[:1], long.symbol[:1], long.values[:1])
    found = compare(made_trace(labels=long), made_trace(labels=short), 4)
    assert found is not None
    assert found == ("labels", 2, "", ("labels",))


def test_negative_zero_is_a_difference():
    zero = Stage(np.array([0]), np.array([0]), np.array([[0.0]]))
    assert compare(made_trace(equity=zero), made_trace(equity=zero._replace(values=-zero.values)), 0)


# --- pipelines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["adaptive_momentum", "ma_crossover"])
def test_clean_pipelines_know_nothing_of_the_future(bars, strategy):
    result = audit(bars, strategy, instants=12)
    assert result.differences == 0
    assert set(result.instants["future"]) == set(KINDS)
    assert {"entry", "exit"} <= set(result.instants["beside"])


@pytest.mark.parametrize("strategy", ["mean_reversion_ml", "ml_driven"])
def test_clean_model_pipelines_know_nothing_of_the_future(bars, strategy):
    result = audit(bars, strategy, instants=6, learning=SMALL)
    assert result.differences == 0
    assert result.retrainings == 2


def test_every_stage_of_a_model_strategy_is_watched(bars):
    trace = Pipeline("ml_driven", SYMBOLS, SMALL).trace(bars)
    assert list(trace.stages) == list(STAGES)
    assert all(stage.bar.size for stage in trace.stages.values())
    assert all((np.diff(stage.bar) >= 0).all() for stage in trace.stages.values())


def test_stages_hold_the_bits_of_the_run(bars):
    """A trace in which one number differs by one unit in the last place is another trace."""

    def nudged(signals, panel):
        out = signals.copy()
        out[2, 1, 700] = np.nextafter(out[2, 1, 700], 2.0)
        return out

    pipeline = Pipeline("ma_crossover", SYMBOLS)
    one, other = pipeline.trace(bars), pipeline.trace(bars, Seams(signals=nudged))
    assert compare(one, other, 699) is None
    found = compare(one, other, 700)
    assert found is not None
    assert found[:3] == ("signals", 700, "IBM")


# --- leaks -------------------------------------------------------------------------------------


def test_there_are_many_leaks_and_each_is_told():
    leaks = planted_leaks()
    assert len(leaks) >= 15
    for name, leak in leaks.items():
        assert leak.name == name
        assert leak.what
    texts = sorted(leak.what for leak in leaks.values())
    assert all(a != b for a, b in pairwise(texts))


def test_leaks_at_every_seam_are_caught_where_they_are(bars):
    found = catch_leaks(bars, SOME, learning=SMALL)
    assert found["caught"].to_list() == [True] * len(SOME)
    assert found["stage"].to_list() == [
        "features", "bars", "labels", "fits", "predictions", "signals", "calibration", "importance", "fits",
        "features", "predictions", "signals",
    ]  # fmt: skip
    assert (found["bar"] <= found["t"]).all()
    assert verdict([], found) is None


def test_one_symbol_has_the_leaks_that_one_can_have():
    """The last of them shows only where prices fall by a tenth and more: no walk of 3 % a bar does that."""
    alone = audit_bars(load_sample(["IBM"]))
    assert set(planted_leaks()) - set(plantable_leaks(alone)) == {"survivors_only", "best_symbols"}
    assert catch_leaks(alone, ["crash_foreseen"])["caught"].to_list() == [True]


def test_verdict_names_what_is_wrong(bars):
    missed = pl.DataFrame({"leak": ["next_bar", "backfill"], "caught": [True, False]})
    assert verdict([], missed) == "1 planted leaks went uncaught (backfill); this audit is blind to them"
    result = audit(bars, "ma_crossover", instants=1)
    row = result.instants.with_columns(
        t=pl.lit(9), future=pl.lit("noise"), stage=pl.lit("orders"), bar=pl.lit(4), symbol=pl.lit("IBM")
    )
    said = verdict([replace(result, instants=row)], missed)
    assert said is not None
    assert "ma_crossover knew the future at 1 of 1 instants" in said
    assert "t = 9 (noise): orders of bar 4 IBM" in said


def test_misuse_is_refused(bars):
    with pytest.raises(BadValue, match="`instants` must be from 1 to 998"):
        audit(bars, "ma_crossover", instants=0)
    with pytest.raises(UnknownName, match="did you mean 'next_bar'"):
        catch_leaks(bars, ["nextbar"])
    with pytest.raises(BadValue, match="`seed` must be a whole number ≥ 0, was -1"):
        audit(bars, "ma_crossover", seed=-1)
    with pytest.raises(BadValue, match="`seed` must be"):
        catch_leaks(bars, SOME, seed=-1)


def test_a_run_in_which_nothing_happens_proves_nothing(bars):
    """Without this refusal a strategy that never comes out of warm-up would pass."""
    few = bars.filter(pl.col("bar_close") < bars["bar_close"].unique().sort()[150])
    with pytest.raises(NotEnoughHistory, match="ma_crossover makes no order in these 150 bars"):
        audit(few, "ma_crossover", instants=3)
    with pytest.raises(NotEnoughHistory, match="ml_driven fits no model in these 150 bars"):
        audit(few, "ml_driven", instants=3, learning=SMALL)
