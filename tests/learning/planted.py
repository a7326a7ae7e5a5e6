"""Training rows with a planted answer, shared by the tests of the learners."""

import numpy as np


def windows(rows=600, features=8, *, sequence=1, seed=0, holes=0.03, strength=2.0):
    """Windows whose last row's first feature decides the label, through noise; `holes` of all are NaN."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, sequence, features)).astype(np.float32)
    score = strength * x[:, -1, 0] + rng.logistic(size=rows)
    x[rng.random(x.shape) < holes] = np.nan
    return x, (score > 0).astype(np.int64), rng.uniform(0.2, 3.0, rows)


def area_under_curve(p, y):
    """Share of pairs (a one, a zero) that `p` ranks rightly, ties as half; by its definition."""
    ones, zeros = p[y == 1][:, None], p[y == 0][None, :]
    return float((ones > zeros).mean() + 0.5 * (ones == zeros).mean())
