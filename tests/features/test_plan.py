"""Programs: shared work once, inputs first, and nothing depends on what else is computed."""

from __future__ import annotations

import numpy as np
import pytest

from research.errors import BadValue, UnknownName
from research.features.plan import make_plan
from research.kernels import codes as do
from tests.features.helpers import NAMES, differing, sample_panel, whole

READS = {
    **dict.fromkeys(
        (do.DIST, do.SLOPE, do.CCI, do.PATH, do.ANNUAL, do.LESS, do.VOLUME_RATIO, do.OBV_SLOPE, do.RANK), 1
    ),
    **dict.fromkeys((do.OVER, do.CROSS, do.R2, do.POSITION, do.WILLR, do.MFI, do.AROON, do.BANDS), 2),
    **dict.fromkeys((do.SKEWNESS, do.SHARE, do.VWAP_DIST, do.DOLLAR_Z, do.Z, do.ADAPTIVE), 2),
    **dict.fromkeys((do.RANGES, do.YANG_ZHANG, do.HALF_LIFE, do.AUTOCORR), 3),
    **dict.fromkeys((do.VARIANCE_RATIO, do.MOMENTUM_SCORE), 4),
    do.TREND_SCORE: 5,
}


def outputs_before_inputs(program):
    """Yield each input row that no earlier step fills."""
    filled: set[int] = set()
    for step in program:
        used = READS.get(int(step[do.CODE]), 0)
        yield from (row for row in step[do.IN0 : do.IN0 + used] if row not in filled)
        filled.update(row for row in step[do.OUT0 : do.STATE] if row >= 0)


def test_inputs_are_computed_before_they_are_read():
    for names in (NAMES, NAMES[::-1], ["trend_score"], ["adaptive_mom", "yang_zhang_21"]):
        assert list(outputs_before_inputs(make_plan(names).program)) == []


def test_shared_work_is_done_once():
    trio = make_plan(["macd_line", "macd_signal", "macd_hist"])
    assert len(trio.program) == 1
    assert trio.state == 4
    averages = make_plan(["dist_sma_20", "sma_20_50", "bb_width_20"])
    # mean 50, variance 20 with the mean 20 in it, and the three features.
    assert len(averages.program) == 5


def test_a_feature_has_the_same_bits_alone_and_among_all():
    panel = sample_panel(["AAPL"])[:900]
    among = whole(panel)
    alone = np.concatenate([whole(panel, [name]) for name in NAMES])
    assert differing(among, alone) == []


def test_order_of_names_is_the_order_of_outputs():
    plan = make_plan(["vol_21", "ret_1", "vol_10"])
    assert plan.names == ("vol_21", "ret_1", "vol_10")
    panel = sample_panel(["AAPL"])[:300]
    there, back = whole(panel, plan.names), whole(panel, plan.names[::-1])
    assert differing(there, back[::-1], plan.names) == []


def test_lookback_and_tail_cover_the_longest():
    plan = make_plan(["ret_5", "hi_dist_252"])
    assert plan.lookback == 251
    assert plan.keep >= 251
    assert make_plan(["rsi_14"]).keep == 1


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("rsi_14", "close"),
        ("hi_dist_252", "high close"),
        ("donchian_pos_20", "high low close"),
        ("vol_21", "close ln_close ret"),
        ("ou_halflife_60", "close ln_close ret"),
        ("gap", "open close ln_open ln_close"),
        ("parkinson", "open high low close ln_open ln_high ln_low ln_close"),
    ],
)
def test_only_columns_that_are_read_are_kept(name, columns):
    reads = make_plan([name]).reads
    assert [c for c, read in zip(do.COLUMNS, reads, strict=True) if read] == columns.split()


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ([], BadValue, "at least one feature, was empty"),
        ("ret_1", BadValue, "must be a list of names, was the text 'ret_1'"),
        (["ret_1", "vol_21", "ret_1"], BadValue, "'ret_1' is named twice"),
        (["ret_1", "nonsense"], UnknownName, "unknown feature 'nonsense'"),
    ],
)
def test_bad_lists_are_refused(names, error, message):
    with pytest.raises(error, match=message):
        make_plan(names)


def test_fingerprint_tells_programs_apart():
    assert make_plan(["ret_1"]).fingerprint == make_plan(["ret_1"]).fingerprint
    assert make_plan(["ret_1"]).fingerprint != make_plan(["ret_2"]).fingerprint
    assert make_plan(["ret_1", "ret_2"]).fingerprint != make_plan(["ret_2", "ret_1"]).fingerprint
