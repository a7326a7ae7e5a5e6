"""No future: what follows a bar, whatever it is, leaves every bit up to that bar alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from research.data.panel import Panel
from tests.features.helpers import differing, sample_panel, whole

FIELDS = ("open", "high", "low", "close", "volume", "factor")


def altered(panel: Panel, t: int, future) -> Panel:
    """The panel with its bars after `t` replaced by `future` of each field."""
    columns = {}
    for name in FIELDS:
        column = getattr(panel, name).copy(order="F")
        column[t + 1 :] = future(name, column[t + 1 :])
        columns[name] = column
    return replace(panel, **columns)


def noise(rng):
    def future(name, column):
        if name in ("volume", "factor"):
            return rng.lognormal(0, 2, column.shape)
        # Not even high ≥ low holds, and some bars are missing.
        made = rng.lognormal(3, 2, column.shape)
        made[rng.random(column.shape) < 0.1] = np.nan
        return made

    return future


def missing(_name, column):
    return np.full_like(column, np.nan)


def tenfold(name, column):
    return column * 10 if name not in ("volume", "factor") else column


@pytest.mark.parametrize("kind", ["noise", "missing", "tenfold"])
def test_bits_up_to_a_bar_ignore_what_follows(kind):
    panel = sample_panel()
    expected = whole(panel)
    rng = np.random.default_rng(30)
    future = {"noise": noise(rng), "missing": missing, "tenfold": tenfold}[kind]
    instants = [0, 1, 251, 252, 511, 512, *rng.integers(2, len(panel) - 1, 30)]
    for t in map(int, instants):
        found = whole(altered(panel, t, future))
        assert differing(expected[:, :, : t + 1], found[:, :, : t + 1]) == [], f"{kind} after bar {t}"


def test_truncation_changes_nothing():
    panel = sample_panel()
    expected = whole(panel)
    for t in map(int, np.random.default_rng(31).integers(0, len(panel), 30)):
        assert differing(expected[:, :, : t + 1], whole(panel[: t + 1])) == []


def test_the_alteration_is_one_that_features_can_see():
    panel = sample_panel()
    found = whole(altered(panel, 2000, tenfold))
    changed = differing(whole(panel)[:, :, 2001:2003], found[:, :, 2001:2003])
    assert {"ret_1", "vol_21", "dist_sma_20", "rsi_14", "momentum_score"} <= set(changed)
