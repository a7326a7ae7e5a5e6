"""Chunk law, warm-up and degenerate bars of the recursive kernels."""

from __future__ import annotations

import numpy as np
import pytest

from research.errors import BadValue
from research.kernels.recursive import STATE_SIZE, TOLERANCE, WARMUP
from tests.kernels.recursive_cases import CASES, Case, bars_of, part, sample

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes()


# --- chunk law ---------------------------------------------------------------------------------------------


@every_case
def test_any_split_gives_the_same_bits(case: Case) -> None:
    rng = np.random.default_rng(20)
    bars = part(sample()["AAPL"], 0, 1200)
    whole = case.run(bars)
    assert not np.isnan(whole[:, -1]).any()
    for _ in range(40):
        # Half of the cuts fall where seeds and warm-up end.
        early = rng.integers(1, 2 * case.warmup, rng.integers(0, 8))
        late = rng.integers(1, 1200, rng.integers(1, 8))
        cuts = np.unique(np.concatenate([early, late]).clip(1, 1199)).tolist()
        tails = rng.integers(1, 6, len(cuts)).tolist()
        assert same_bits(case.run_chunks(bars, cuts, tails), whole), cuts


@every_case
def test_one_bar_at_a_time_gives_the_same_bits(case: Case) -> None:
    bars = part(sample()["GOOG"], 300, 1300)
    cuts = list(range(1, 1000))
    assert same_bits(case.run_chunks(bars, cuts, [1] * len(cuts)), case.run(bars))


@every_case
def test_a_block_of_no_bars_changes_nothing(case: Case) -> None:
    bars = part(sample()["IBM"], 0, 700)
    state = case.fresh()
    out = np.full((case.outputs, 700), 5.0)
    case.kernel(*case.columns(bars), *case.spans, case.warmup, 0, state, *out)
    state_before, out_before = state.copy(), out.copy()
    case.kernel(*case.columns(bars), *case.spans, case.warmup, 700, state, *out)
    assert same_bits(state, state_before)
    assert same_bits(out, out_before)


@every_case
def test_state_counts_bars_and_keeps_to_its_size(case: Case) -> None:
    bars = part(sample()["IBM"], 0, 400)
    size = STATE_SIZE[case.name]
    shared = np.concatenate([np.zeros(size), [1.25, 1.25]])
    case.kernel(
        *case.columns(bars), *case.spans, case.warmup, 0, shared[:size], *np.empty((case.outputs, 400))
    )
    assert shared[0] == 400
    assert shared[size:].tolist() == [1.25, 1.25]


@every_case
def test_no_later_bar_is_read(case: Case) -> None:
    bars = part(sample()["MSFT"], 0, 1300)
    later = {name: column.copy() for name, column in bars.items()}
    for column in later.values():
        column[1100:] = np.nan
    assert same_bits(case.run(bars)[:, :1100], case.run(later)[:, :1100])


# --- warm-up -----------------------------------------------------------------------------------------------


@every_case
def test_values_start_at_the_warmup(case: Case) -> None:
    bars = part(sample()["IBM"], 0, 1200)
    missing = np.isnan(case.run(bars)).sum(axis=1)
    assert (missing == case.warmup).all()
    assert (np.isnan(case.run(bars, warmup=case.seed)).sum(axis=1) == case.seed).all()
    assert np.isnan(case.run(part(bars, 0, 1))).all()


@every_case
@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_after_the_warmup_the_seed_is_forgotten(case: Case, symbol: str) -> None:
    bars = sample()[symbol]
    size = bars["close"].size
    endless = case.run(bars)
    worst = 0.0
    # The longer history must be long itself: it has forgotten its own seed after 1,000 bars.
    for origin in range(1000, size - case.warmup, 29):
        late = case.run(part(bars, origin))[:, case.warmup :]
        true = endless[:, origin + case.warmup :]
        scale = np.abs(true) if case.relative else 1.0
        worst = max(worst, float((np.abs(late - true) / scale).max()))
    assert worst <= TOLERANCE


def test_warmups_by_hand() -> None:
    # ln(1e12)/−ln(13/14) = 372.85 bars after the seed on bar 14 and 24 still ones; for ATR alike.
    assert WARMUP["rsi"](14) == WARMUP["atr_pct"](14) == 14 + 24 + 373
    # ln(1e12)/ln 2 = 39.86.
    assert WARMUP["rsi"](2) == 2 + 24 + 40
    # ln(1e12)/−ln(59/61) = 828.75.
    assert WARMUP["ewma_vol"](60) == 60 + 24 + 829
    # ln(1e10)/−ln(49/51) = 575.57 bars after the seed on bar 49.
    assert WARMUP["dist_ema"](50) == 49 + 576


@pytest.mark.parametrize("name", sorted(set(WARMUP) - {"macd"}))
def test_a_longer_span_waits_longer(name: str) -> None:
    waits = [WARMUP[name](n) for n in (2, 5, 14, 20, 37, 60, 200)]
    assert waits == sorted(set(waits))


@pytest.mark.parametrize("name", sorted(set(WARMUP) - {"macd"}))
def test_a_span_below_two_is_refused(name: str) -> None:
    with pytest.raises(BadValue, match=f"`n` must be ≥ 2 for {name}, was 1"):
        WARMUP[name](1)


def test_macd_spans_out_of_order_are_refused() -> None:
    with pytest.raises(BadValue, match="`slow` must be > `fast` for macd, was 12 with fast = 26"):
        WARMUP["macd"](26, 12, 9)
    with pytest.raises(BadValue, match="`signal` must be ≥ 2 for macd, was 0"):
        WARMUP["macd"](12, 26, 0)


# --- degenerate bars ---------------------------------------------------------------------------------------

STILL = {"rsi": 50.0, "adx": 0.0, "atr_pct": 0.0, "ewma_vol": 0.0}


@every_case
@pytest.mark.parametrize("price", [1e-6, 0.1, 37.21, 4e8])
def test_a_price_that_never_moves(case: Case, price: float) -> None:
    out = case.run(bars_of(*np.full((3, 1500), price)))[:, case.warmup :]
    if case.name in STILL:
        assert (out == STILL[case.name]).all()
    else:
        assert np.abs(out).max() <= 1e-12  # 0 up to rounding


@every_case
def test_a_price_that_stops_moving(case: Case) -> None:
    live = part(sample()["AAPL"], 0, 1100)
    still = np.full(12_000, live["close"][-1])
    bars = bars_of(*(np.concatenate([live[name], still]) for name in ("high", "low", "close")))
    out = case.run(bars)
    assert np.isfinite(out[:, case.warmup :]).all()
    # Nothing of the old moves is left, however the ratio of two vanished numbers would read.
    assert np.abs(out[:, -1] - STILL.get(case.name, 0.0)).max() <= 1e-12


def test_bars_of_equal_range_have_no_direction() -> None:
    high, low, close = np.full(900, 11.0), np.full(900, 9.0), np.full(900, 10.0)
    case = next(case for case in CASES if case.name == "adx")
    assert (case.run(bars_of(high, low, close))[:, case.warmup :] == 0.0).all()
    case = next(case for case in CASES if case.name == "atr_pct")
    np.testing.assert_allclose(case.run(bars_of(high, low, close))[0, case.warmup :], 0.2, rtol=1e-14)


@pytest.mark.parametrize(("step", "rsi", "di_diff"), [(1.01, 100.0, 100.0), (1 / 1.01, 0.0, -100.0)])
def test_a_price_that_goes_one_way(step: float, rsi: float, di_diff: float) -> None:
    close = 50.0 * step ** np.arange(1200)
    bars = bars_of(close, close, close)
    for case in CASES:
        out = case.run(bars)[:, case.warmup :]
        assert np.isfinite(out).all()
        if case.name == "rsi":
            assert (out == rsi).all()
        if case.name == "adx":
            np.testing.assert_allclose(out[0], 100.0, rtol=1e-12)
            np.testing.assert_allclose(out[1], di_diff, rtol=1e-12)


@every_case
def test_oscillators_keep_to_their_range(case: Case) -> None:
    ranges = {"rsi": [(0.0, 100.0)], "adx": [(0.0, 100.0), (-100.0, 100.0)], "atr_pct": [(0.0, 1.0)]}
    for bars in sample().values():
        for out, (low, high) in zip(
            case.run(bars, warmup=case.seed), ranges.get(case.name, []), strict=False
        ):
            assert ((out[case.seed :] >= low) & (out[case.seed :] <= high)).all()


def test_the_return_of_the_first_bar_is_not_read() -> None:
    case = next(case for case in CASES if case.name == "ewma_vol")
    bars = part(sample()["IBM"], 0, 1100)
    other = {**bars, "r": np.concatenate([[1e9], bars["r"][1:]])}
    assert same_bits(case.run(bars), case.run(other))


@every_case
def test_the_unit_of_the_price_does_not_matter(case: Case) -> None:
    bars = part(sample()["MSFT"], 0, 1300)
    dear = bars_of(*(1024.0 * bars[name] for name in ("high", "low", "close")))
    np.testing.assert_allclose(case.run(dear), case.run(bars), rtol=1e-10, atol=1e-12)
