"""Features made of held rows have the bits of those that a program computes."""

import numpy as np
import pytest

from research.data import load_sample
from research.features.matrix import FeatureStream
from research.request import Request
from research.simulation.lanes import lay_out

NAMES = [
    "vol_21",
    "sma_5_20",
    "sma_5_90",
    "sma_cross_5_20",
    "sma_cross_20_90",
    "vol_ratio_5_21",
    "bb_width_20",
]


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_made_features_are_the_programs(fraction):
    """Crossings too, whose first bar depends on the bar before the first that may trade."""
    bars = load_sample(["AAPL", "GOOG"])
    params = {"fast": 5, "slow": 90}
    lanes = lay_out(Request("ma_crossover", params=params, train_fraction=fraction), bars)
    lanes.hold(NAMES)
    whole = FeatureStream(lanes.panel.symbols, NAMES).advance(lanes.panel)
    assert len(lanes.lanes) == 2
    for n, lane in enumerate(lanes.lanes):
        # Averages of 5, 20, 90 closes, two volatilities, of which one is a feature too, and the band's width.
        assert len(lane.features.rows) == 7
        assert set(lane.features.standing) == {f"mean(close, {n})" for n in (5, 20, 90)}
        assert lane.lead == (fraction > 0)
        own = ~np.isnan(lanes.panel.close[:, n])
        for k, name in enumerate(NAMES):
            value = whole[k, n, own][-len(lane) :]
            assert np.array_equal(lane.features[name], value, equal_nan=True), name
            for begin, end in ((0, 300), (1, 40), (200, len(lane))):
                part = lane.features.cut(begin, end)[name]
                assert np.array_equal(part, value[begin:end], equal_nan=True), name
        assert np.nansum(np.abs(lane.features["sma_cross_5_20"])) > 30


def test_rows_are_kept_from_chunk_to_chunk():
    lanes = lay_out(Request("ma_crossover", params={"fast": 5, "slow": 20}), load_sample(["IBM"]))
    lanes.hold(["sma_5_20", "vol_21"])
    (lane,) = lanes.lanes
    row = lane.features.rows["mean(close, 20)"]
    lanes.hold(["sma_20_50"])
    assert np.shares_memory(lane.features.rows["mean(close, 20)"], row)
    assert set(lane.features.rows) == {"mean(close, 20)", "mean(close, 50)"}
    matrix, standing = lane.features.matrices
    assert matrix.shape == (2, lane.features.lead + len(lane))
    assert standing.size == 0
    np.testing.assert_array_equal(lane.features.rows["mean(close, 20)"], row[-matrix.shape[1] :])
    assert np.shares_memory(lane.features.rows["mean(close, 20)"], matrix), "one copy is kept"


def test_of_rows_that_cross_only_their_places_are_held():
    lanes = lay_out(Request("ma_crossover", params={"fast": 5, "slow": 20}), load_sample(["IBM"]))
    lanes.hold(["sma_cross_20_50", "sma_cross_5_50", "vol_21"])
    (lane,) = lanes.lanes
    assert set(lane.features.rows) == {"vol_21"}
    matrix, standing = lane.features.matrices
    assert standing.dtype == np.uint16
    assert standing.nbytes * 4 == matrix.nbytes * 3  # three rows of two bytes, one of eight
    lanes.hold(["sma_cross_5_20", "vol_21"])
    assert lane.features.matrices[1] is standing, "fewer of them stand as they did"
    lanes.hold(["sma_cross_5_30", "vol_21"])
    assert set(lane.features.standing) == {"mean(close, 5)", "mean(close, 30)"}
    lanes.hold(["vol_21"])
    assert not lane.features.standing
