"""A prediction taken apart adds up to itself, and the planted feature is what it is made of."""

from math import exp

import numpy as np
import polars as pl
import pytest

from research.errors import BadValue
from research.learning.explain import BASE, explain
from tests.learning.markets import NAMES, learner, market, settings

BARS = 215  # the market turns at 220: up to here its first feature tells the next returns


@pytest.fixture(scope="module")
def taught():
    made = learner(settings(("random_forest", "lightgbm")))
    data = market()
    return made, made.advance(*data.cut(0, BARS)), data


def test_contributions_add_up_to_the_log_odds_of_what_was_said(taught):
    made, spoken, data = taught
    said = spoken.said[made.experts.index("lightgbm"), :, -1]
    asked = np.flatnonzero(np.isfinite(said))
    assert asked.size >= 2
    for symbol in asked.tolist():
        found = explain(made, symbol)
        assert said[symbol] == pytest.approx(1.0 / (1.0 + exp(-found["contribution"].sum())), abs=1e-12)
        values = dict(found.select("feature", "value").rows())
        assert values.pop(BASE) is None
        assert list(values) != []
        assert set(values) == set(NAMES)
        told = {name: float(np.float32(data.features[k, symbol, BARS - 1])) for k, name in enumerate(NAMES)}
        assert all(values[k] == told[k] or np.isnan([values[k], told[k]]).all() for k in NAMES)


def test_the_planted_feature_is_first(taught):
    made, _, data = taught
    known = np.isfinite(data.features[0, :, :BARS])
    first = [explain(made, 0, ago) for ago in range(20) if known[0, BARS - 1 - ago]]
    named = [rows["feature"][0] for rows in first]
    assert named.count(NAMES[0]) >= 0.9 * len(named)
    sizes = first[0]["contribution"].head(len(NAMES)).abs()
    assert sizes.is_sorted(descending=True)
    assert all(rows["feature"][-1] == BASE for rows in first)
    # The more the feature tells of a rise, the more it adds.
    planted = pl.concat([rows.filter(feature=NAMES[0]) for rows in first])
    assert np.corrcoef(planted["value"], planted["contribution"])[0, 1] > 0.5


def test_what_cannot_be_explained_is_refused(taught):
    made, _, data = taught
    with pytest.raises(BadValue, match=r"`symbol` must be 0 … 3, was 4"):
        explain(made, 4)
    with pytest.raises(BadValue, match=r"`ago` must be 0 … \d+, was 9999"):
        explain(made, 0, 9999)
    missing = int(np.flatnonzero(np.isnan(data.panel.close[:BARS, 1]))[-1])
    with pytest.raises(BadValue, match="symbol 1 has no features"):
        explain(made, 1, BARS - 1 - missing)
    for other, bars in (
        (learner(settings(("random_forest",))), BARS),
        (learner(settings(("lightgbm",))), 10),
    ):
        other.advance(*data.cut(0, bars))
        with pytest.raises(BadValue, match="only a fitted LightGBM model"):
            explain(other, 0)
