"""The overfitting tables of the literature, as literal numbers; other libraries as oracles."""

import math
from dataclasses import asdict
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from arch.bootstrap import SPA, StepM
from purgedcv import (
    deflated_sharpe_ratio_full,
    min_track_record_length,
    probability_of_backtest_overfitting,
)

from research.errors import BadValue
from research.evidence.moments import moments
from research.evidence.overfitting import CONVENTIONS, judge
from research.evidence.pbo import overfitting_probability
from research.evidence.reality import reality_check
from research.evidence.sharpe import (
    deflated_sharpe,
    expected_maximum,
    min_backtest_years,
    min_track_record,
    probabilistic_sharpe,
)
from research.evidence.trials import effective_rank, effective_trials, sketches

FUND: dict[str, Any] = {"skewness": -2.448, "kurtosis": 10.164}


def near(expected, digits):
    return pytest.approx(expected, abs=0.5000001 * 10.0**-digits)


def table(better=0.0):
    """(960, 40) returns without a random generator."""
    t, n = np.arange(1, 961)[:, None], np.arange(1, 41)[None]
    share = np.mod(t * math.sqrt(2) + n * math.sqrt(3) + t * n * math.sqrt(5), 1.0)
    out = 0.01 * np.vectorize(NormalDist().inv_cdf)(share)
    out[:, 7] += better
    return out


# --- Sharpe ratios -----------------------------------------------------------------------------


def test_expected_maximum():
    assert expected_maximum(10) == near(1.574598, 6)
    assert expected_maximum(100) == near(2.530603, 6)
    assert expected_maximum(1) == 0.0
    assert expected_maximum(1.2) == 0.0
    assert expected_maximum(10**6) == pytest.approx(4.86, abs=0.01)


def test_deflated_sharpe_of_the_2014_paper():
    case: dict[str, Any] = {"sharpe": 2.5 / math.sqrt(250), "variance": 0.5 / 250, "periods": 1250}
    of_100 = deflated_sharpe(**case, trials=100, skewness=-3, kurtosis=10)
    assert of_100.benchmark == near(0.113172, 6)
    assert of_100.probability == near(0.900397, 6)
    assert of_100.convention == "2014"
    assert deflated_sharpe(**case, trials=46, skewness=-3, kurtosis=10).probability == near(0.950502, 6)


def test_probabilistic_sharpe_of_the_2012_paper():
    sharpe = 1.585 / math.sqrt(12)
    assert probabilistic_sharpe(sharpe, 0.0, 24, **FUND).probability == near(0.913234, 6)
    assert probabilistic_sharpe(sharpe, 0.0, 24).probability == near(0.981591, 6)


def test_convention_of_2025():
    """Figures of the paper's own numeric example: a fund of 24 months, mean 3.6 %, deviation 7.9 %."""
    sharpe = 0.036 / 0.079
    old = probabilistic_sharpe(sharpe, 0.0, 24, **FUND)
    new = probabilistic_sharpe(sharpe, 0.0, 24, **FUND, convention="2025")
    assert (old.probability, old.convention) == (near(0.913, 3), "2014")
    assert (new.probability, new.convention) == (near(0.987, 3), "2025")
    assert probabilistic_sharpe(sharpe, 0.1, 24, **FUND, convention="2025").probability == near(0.939, 3)
    assert min_track_record(sharpe, **FUND, convention="2025") == near(13.029, 3)


def test_autocorrelation_widens_the_error():
    """At SR0 = 0 the variance of a mean is (1 + ρ) / (1 − ρ) times as large."""
    score = 0.1 * math.sqrt(252) * math.sqrt((1 - 0.2) / (1 + 0.2))
    found = probabilistic_sharpe(0.1, 0.0, 252, autocorrelation=0.2, convention="2025")
    assert found.probability == pytest.approx(NormalDist().cdf(score), rel=1e-12)
    plain = probabilistic_sharpe(0.1, 0.0, 252)
    assert probabilistic_sharpe(0.1, 0.0, 252, autocorrelation=0.2) == plain


def test_min_track_record():
    """The published 2.731188 years are those of 250 days a year; 252 give 2.730984."""
    for days, years in ((250, 2.731188), (252, 2.730984)):
        assert min_track_record(2 / math.sqrt(days), 1 / math.sqrt(days)) / days == near(years, 6)
    monthly = min_track_record(2 / math.sqrt(12), 1 / math.sqrt(12), skewness=-0.72, kurtosis=5.78)
    assert monthly / 12 == near(4.991258, 6)
    assert min_track_record(0.1, 0.1) == math.inf
    assert math.isnan(min_track_record(math.nan))


def test_min_backtest_years():
    assert min_backtest_years(45) == near(4.998087, 6)
    assert min_backtest_years(100) == near(6.403951, 6)
    assert min_backtest_years(100, target=2.0) == near(6.403951 / 4, 6)


def test_against_purgedcv():
    """Its moments are other small-sample estimates than ours, so ours are not compared but given its own."""
    returns = 0.01 * np.random.default_rng(5).standard_t(5, size=700) + 0.0005
    theirs = deflated_sharpe_ratio_full(returns, 60, 0.002)
    given: dict[str, Any] = {"skewness": theirs.skew, "kurtosis": theirs.kurt}
    ours = deflated_sharpe(theirs.observed_sr, 0.002, 60, 700, **given)
    assert ours.benchmark == pytest.approx(theirs.sr_star, rel=1e-9)
    assert ours.probability == pytest.approx(theirs.dsr, rel=1e-9)
    length = min_track_record(theirs.observed_sr, **given)
    expected = min_track_record_length(theirs.observed_sr, 0.0, 0.05, theirs.skew, theirs.kurt)
    assert math.ceil(length) == expected
    assert float(moments(returns).sharpe[0]) == pytest.approx(theirs.observed_sr, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: expected_maximum(0), "`trials` must be ≥ 1, was 0"),
        (lambda: expected_maximum(math.nan), "`trials` must be ≥ 1, was nan"),
        (lambda: probabilistic_sharpe(0.1, 0, 1), "`periods` must be ≥ 2, was 1"),
        (lambda: probabilistic_sharpe(0.1, 0, 9, kurtosis=0.0), "must be raw, so ≥ 1 .* add 3"),
        (lambda: probabilistic_sharpe(0.1, 0, 9, autocorrelation=1.0), "above -1 and below 1, was 1"),
        (
            lambda: probabilistic_sharpe(0.1, 0, 9, **{**FUND, "convention": "2013"}),
            "one of 2014, 2025, was '2013'",
        ),
        (lambda: deflated_sharpe(0.1, -1.0, 9, 9), "`variance` .* must be ≥ 0, was -1"),
        (lambda: min_track_record(0.1, confidence=0.5), "`confidence` must be above 0.5"),
        (lambda: min_backtest_years(9, target=0), "`target` must be .* above 0, was 0"),
        (lambda: effective_rank(np.ones((2, 3))), "must be square"),
        (lambda: effective_rank(np.full((2, 2), np.nan)), "must be finite"),
        (
            lambda: moments(np.array([[0.1], [np.nan], [0.2]])),
            "1 NaN or infinite, the first in period 1 of cell 0",
        ),
        (lambda: moments(np.zeros((2, 4))), r"T ≥ 3 .* had shape \(2, 4\)"),
        (lambda: sketches(np.eye(3), np.arange(4)), "one for each of 3 periods"),
    ],
)
def test_refusals(call, said):
    with pytest.raises(BadValue, match=said):
        call()


def test_moments_by_hand():
    """−1, 0, 0, 1, 5: mean 1, squares 4 + 1 + 1 + 0 + 16, cubes −8 − 1 − 1 + 64, fourths 16 + 1 + 1 + 256."""
    found = moments(np.array([-1.0, 0.0, 0.0, 1.0, 5.0]))
    assert found.sharpe[0] == pytest.approx(1 / math.sqrt(22 / 4))
    assert found.skewness[0] == pytest.approx(54 / 5 / (22 / 5) ** 1.5)
    assert found.kurtosis[0] == pytest.approx(274 / 5 / (22 / 5) ** 2)
    assert found.autocorrelation[0] == pytest.approx((2 + 1 + 0 + 0) / 22)
    assert found.periods == 5


def test_moments_of_a_cell_do_not_depend_on_its_neighbours():
    cells = np.random.default_rng(2).normal(size=(1001, 23))
    whole = moments(cells)
    for parts in (np.split(cells, [1, 8, 9], axis=1), [cells[:, [k]] for k in range(23)]):
        for k, column in enumerate(whole[:4]):
            assert np.concatenate([moments(part)[k] for part in parts]).tobytes() == column.tobytes()
        assert np.concatenate([sketches(part) for part in parts]).tobytes() == sketches(cells).tobytes()


def test_a_cell_that_stands_still_has_no_moments():
    found = moments(np.column_stack([np.full(50, 0.1), np.zeros(50)]))
    assert all(np.isnan(part).all() for part in found[:4])
    assert not sketches(np.column_stack([np.full(50, 0.1), np.zeros(50)])).any()


# --- effective number of trials ----------------------------------------------------------------


def test_effective_rank_of_the_2025_paper():
    assert effective_rank(np.array([[10, 1, 7], [1, 10, 8], [7, 8, 10]]) / 10) == near(1.84, 2)
    assert effective_rank(np.eye(7)) == pytest.approx(7.0)


@pytest.mark.parametrize("cells", [5, 50, 1000])
def test_unrelated_cells_are_as_many_trials(cells):
    noise = np.random.default_rng(cells).normal(size=(1000, cells))
    assert effective_trials(sketches(noise), 1000) == pytest.approx(cells, rel=0.12)


def test_copies_are_one_trial_whatever_their_size_and_sign():
    one = np.random.default_rng(1).normal(size=(500, 1))
    assert effective_trials(sketches(one * np.array([1.0, 2.0, -0.5, 9.0])), 500) == pytest.approx(
        1, abs=0.01
    )


def test_families_are_as_many_trials_as_there_are():
    rng = np.random.default_rng(3)
    cells = np.repeat(rng.normal(size=(1500, 12)), 40, axis=1) + 0.1 * rng.normal(size=(1500, 480))
    assert effective_trials(sketches(cells), 1500) == pytest.approx(12, rel=0.2)


@pytest.mark.parametrize("kinds", [12, 100])
def test_a_sample_is_worth_as_many_trials_as_the_whole(kinds):
    rng = np.random.default_rng(kinds)
    cells = rng.normal(size=(1500, kinds))[:, rng.integers(0, kinds, size=300)]
    cells = cells + 0.05 * rng.normal(size=cells.shape)
    assert effective_trials(sketches(cells), 1500, 100_000) == pytest.approx(kinds, rel=0.25)
    assert effective_trials(sketches(cells), 1500) < effective_trials(sketches(cells), 1500, 100_000)


def test_sketches_meet_by_instant_not_by_row():
    """The same strategy on overlapping spans: three quarters of the later one are the earlier one's."""
    returns = np.random.default_rng(4).normal(size=2000)
    days = np.datetime64("2001-01-01", "us") + np.arange(2000) * np.timedelta64(1, "D")
    early, late = sketches(returns[:1500], days[:1500]), sketches(returns[500:], days[500:])
    aligned = float(early[0].astype(float) @ late[0].astype(float))
    assert aligned == pytest.approx(2 / 3, abs=0.15)
    by_row = float(sketches(returns[:1500])[0].astype(float) @ sketches(returns[500:])[0].astype(float))
    assert abs(by_row) < 0.3


# --- PBO ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("better", "overfitted", "logit"), [(0.0, 44, -0.588993), (0.001, 13, 2.331138)])
def test_pbo_without_a_random_generator(better, overfitted, logit):
    found = overfitting_probability(table(better), blocks=8)
    assert found.pbo == overfitted / 70
    assert len(found.logits) == 70
    assert found.logits.mean() == near(logit, 6)


@pytest.mark.parametrize(("periods", "cells", "blocks"), [(960, 40, 8), (301, 11, 6), (130, 12, 10)])
def test_pbo_agrees_with_purgedcv(periods, cells, blocks):
    returns = np.random.default_rng(periods).normal(0.0002, 0.01, size=(periods, cells))
    ours = overfitting_probability(returns, blocks=blocks)
    theirs = probability_of_backtest_overfitting(returns.T, n_splits=blocks)
    assert np.sort(ours.logits) == pytest.approx(np.sort(theirs.logits), abs=1e-12)
    assert ours.pbo - np.mean(ours.logits == 0.0) == pytest.approx(theirs.pbo, abs=1e-12)
    pairs = np.column_stack([ours.in_sample, ours.out_of_sample])
    for k in range(2):
        assert np.sort(pairs[:, k]) == pytest.approx(np.sort(theirs.is_oos_performance[:, k]), rel=1e-9)


def test_cells_with_the_same_trades_tie():
    returns = np.random.default_rng(8).normal(size=(400, 6))
    found = overfitting_probability(np.repeat(returns, 7, axis=1), blocks=8)
    theirs = probability_of_backtest_overfitting(np.repeat(returns, 7, axis=1).T, n_splits=8)
    assert np.sort(found.logits) == pytest.approx(np.sort(theirs.logits), abs=1e-12)


def test_pbo_knows_a_transposed_matrix():
    with pytest.raises(BadValue, match=r"shape \(40, 960\): 40 periods are fewer .* pass its `.T`"):
        overfitting_probability(table().T, blocks=8)
    with pytest.raises(BadValue, match=r"for 960 periods; it is transposed"):
        overfitting_probability(table().T, blocks=2, periods=960)
    market = np.random.default_rng(9).normal(size=(200, 1))
    cells = market * np.random.default_rng(10).uniform(0, 1, size=(200, 500))
    overfitting_probability(cells, blocks=4)
    with pytest.raises(BadValue, match="looks transposed: its columns move together"):
        overfitting_probability(cells.T, blocks=4)
    overfitting_probability(cells.T, blocks=4, periods=500)  # the caller's word counts


@pytest.mark.parametrize(
    ("matrix", "blocks", "said"),
    [
        (np.zeros((100, 1)), 4, "choice among one cell"),
        (np.zeros((100, 3)), 5, "`blocks` must be even and ≥ 2, was 5"),
        (np.zeros((100, 3)), 16, "100 periods are fewer than 8 in each of 16 blocks; bring more"),
    ],
)
def test_pbo_refusals(matrix, blocks, said):
    with pytest.raises(BadValue, match=said):
        overfitting_probability(matrix, blocks=blocks)


# --- SPA and StepM -----------------------------------------------------------------------------


@pytest.mark.parametrize(("better", "p"), [(0.0, 0.765), (0.001, 0.181)])
def test_spa_without_a_random_generator(better, p):
    found = reality_check(table(better), scaled=False, block=10, reps=2000, seed=42)
    assert found.p_consistent == p


@pytest.mark.parametrize("seed", [1, 2])
def test_spa_and_stepm_are_those_of_arch(seed):
    returns = np.random.default_rng(seed).normal(size=(400, 8)) * np.linspace(0.01, 0.02, 8)
    returns += np.array([0, 0, 0.003, 0, -0.004, 0.004, 0.002, 0])
    ours = reality_check(returns, scaled=False, block=7, reps=500, seed=seed)
    spa = SPA(np.zeros(400), -returns, block_size=7, reps=500, seed=seed)
    spa.compute()
    assert [ours.p_lower, ours.p_consistent, ours.p_upper] == spa.pvalues.tolist()
    stepm = StepM(np.zeros(400), -returns, block_size=7, reps=500, seed=seed)
    stepm.compute()
    assert list(ours.superior) == stepm.superior_models
    assert ours.superior


def test_the_boldest_cell_does_not_decide_alone():
    """One honest cell; beside it leverage that hides it from the plain test, not from the scaled one."""
    rng = np.random.default_rng(0)
    returns = np.column_stack([0.0015 + 0.01 * rng.normal(size=1000), 0.3 * rng.normal(size=(1000, 5))])
    assert reality_check(returns, scaled=False, seed=1).p_consistent > 0.2
    scaled = reality_check(returns, seed=1)
    assert scaled.p_consistent < 0.01
    assert scaled.superior == (0,)


def test_idle_cells_and_a_benchmark():
    rng = np.random.default_rng(6)
    market = 0.01 * rng.normal(size=600) + 0.002
    cells = np.column_stack([np.zeros(600), market + 0.002 * rng.normal(size=600)])
    against_cash = reality_check(cells, seed=1)
    assert (against_cash.idle, against_cash.superior) == (1, (1,))
    assert reality_check(cells, market, seed=1).p_consistent > 0.05
    for call, said in [
        (lambda: reality_check(np.zeros((50, 2))), "must hold a cell that traded, none of 2"),
        (lambda: reality_check(cells, market[:-1]), "`benchmark` must have 600 returns"),
        (lambda: reality_check(cells, block=0), "`block` must be from 1 to 600"),
        (lambda: reality_check(cells, reps=10), "`reps` must be ≥ 100"),
        (lambda: reality_check(cells, size=1.0), "`size` must be above 0"),
    ]:
        with pytest.raises(BadValue, match=said):
            call()


# --- the verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_lucky_best_of_many_is_told_from_a_good_one(convention):
    rng = np.random.default_rng(1)
    noise = 0.01 * rng.normal(size=(1000, 50))
    lucky = judge(noise, int(np.argmax(moments(noise).sharpe)), periods_per_year=252, convention=convention)
    assert lucky.psr > 0.95
    assert lucky.dsr < 0.9
    assert lucky.spa_p > 0.05
    assert not lucky.is_superior
    noise[:, 3] += 0.002
    good = judge(noise, 3, periods_per_year=252, convention=convention)
    assert good.dsr > 0.99
    assert good.spa_p < 0.01
    assert good.is_superior
    assert good.pbo < 0.05
    assert good.min_track_record < 1000
    assert all(CONVENTIONS[convention] in " ".join(verdict.lines()) for verdict in (lucky, good))


def test_verdict_puts_the_parts_together():
    cells = table(0.001)
    found = judge(cells, 7, periods_per_year=252, trials=100, variance=0.0005, seed=42)
    own = moments(cells)
    parts: dict[str, Any] = {"skewness": float(own.skewness[7]), "kurtosis": float(own.kurtosis[7])}
    expected = deflated_sharpe(float(own.sharpe[7]), 0.0005, 100, 960, **parts)
    assert (found.dsr, found.benchmark) == (expected.probability, expected.benchmark)
    assert found.psr == probabilistic_sharpe(float(own.sharpe[7]), 0.0, 960, **parts).probability
    assert found.pbo == overfitting_probability(cells, blocks=16).pbo
    assert found.spa_p == reality_check(cells, seed=42).p_consistent
    assert (found.trials, found.trials_from, found.convention) == (100, "given", "2014")
    assert judge(cells, 7, periods_per_year=252, trials=100, variance=0.0005, seed=42) == found


def test_idle_cells_change_nothing_but_their_count():
    cells = table(0.001)
    plain = asdict(judge(cells, 7, periods_per_year=252))
    idle = asdict(judge(np.column_stack([np.zeros(960), cells]), 8, periods_per_year=252))
    differ = {name for name in plain if plain[name] != idle[name]}
    assert differ == {"chosen", "cells", "idle"}
    assert "1 of 41 cells never traded" in " ".join(
        judge(np.insert(cells, 0, 0, 1), 8, periods_per_year=1).lines()
    )


def test_one_cell_or_a_short_record_has_no_pbo():
    alone = judge(table()[:, [0]], 0, periods_per_year=252)
    assert math.isnan(alone.pbo)
    assert (alone.trials, alone.benchmark, alone.pbo_blocks) == (1.0, 0.0, 0)
    assert alone.psr == alone.dsr
    assert math.isnan(judge(table()[:24], 0, periods_per_year=12).pbo)
    assert judge(table()[:40], 0, periods_per_year=12).pbo_blocks == 4
    assert "not known" in " ".join(alone.lines())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chosen": 40}, "`chosen` must be a column from 0 to 39, was 40"),
        ({"chosen": -1}, "`chosen` must be a column"),
        ({"returns": np.zeros((99, 2))}, "must have traded, cell 0 has no variance"),
        ({"periods_per_year": 0}, "`periods_per_year` must be above 0"),
        ({"convention": "2020"}, "`convention` must be one of 2014, 2025"),
        ({"trials": 0}, "`trials` must be ≥ 1"),
    ],
)
def test_judge_refuses(change, said):
    with pytest.raises(BadValue, match=said):
        judge(**{"returns": table(), "chosen": 0, "periods_per_year": 252, **change})
