"""The curve counts what settled, by hand."""

import math

import numpy as np
import polars as pl

from research.evidence.coverage import coverage_curve
from research.kernels import belief as be
from research.learning.labels import Matured
from research.learning.spoken import Spoken


def spoken(p, confidence, births, ends, net):
    predictions = np.full((be.N_PREDICTIONS, 1, len(p)), np.nan)
    predictions[be.PROBABILITY, 0], predictions[be.CONFIDENCE, 0] = p, confidence
    labels = Matured(
        np.array(ends), np.zeros(len(births), np.int64), np.array(births), np.array(net),
        np.full(len(births), 6),
    )  # fmt: skip
    none = np.empty((0, 1, len(p)))
    return Spoken((), predictions, none, none[:, 0], ("m",) * len(p), labels, (), pl.DataFrame())


def test_four_labels_by_hand():
    """Bar 4 has not settled, bar 5 was not spoken of; bars 0 to 3 were right, wrong, right, right."""
    told = spoken(
        [0.6, 0.7, 0.4, 0.3, 0.9, np.nan], [0.1, 0.5, 0.7, 0.9, 1.0, np.nan],
        [0, 1, 2, 3, 5], [1, 2, 3, 5, 6], [0.01, -0.02, -0.01, -0.03, 0.5],
    )  # fmt: skip
    curve = coverage_curve(told, thresholds=(0.0, 0.5, 0.95))
    assert curve["n"].to_list() == [4, 2, 0]
    assert curve["coverage"].to_list() == [1.0, 0.5, 0.0]
    assert curve["accuracy"].to_list()[:2] == [0.75, 1.0]
    assert math.isnan(curve["accuracy"][2])
    assert curve["won"].to_list()[:2] == [0.25, 0.0]
    assert curve["effective_n"].to_list() == [4.0, 2.0, 0.0]
    assert coverage_curve(told, first=3, thresholds=(0.0,))["n"].to_list() == [1]
