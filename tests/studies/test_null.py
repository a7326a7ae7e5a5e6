"""The null study, small: on random walks p-values are spread out, and the p-value itself is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from tests.studies import null


def test_shifts_by_hand():
    """Held on the one good day of four: no shift earns as much; held always, all earn the same."""
    returns = np.array([[0.0], [1.0], [0.0], [-1.0]])
    assert null.circular_shift_p(np.roll(np.eye(4)[:, :1], 1), returns, 99, 0) == 1 / 4
    assert null.circular_shift_p(np.roll(np.eye(4)[:, :1], 3), returns, 99, 0) == 1.0
    assert null.circular_shift_p(np.ones((4, 1)), returns, 99, 0) == 1.0


def test_shifts_of_noise_are_uniform():
    rng = np.random.default_rng(4)
    p = [
        null.circular_shift_p(rng.random((80, 2)) < 0.5, rng.normal(size=(80, 2)), 79, seed)
        for seed in range(200)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_p_values_of_a_few_walks():
    p, held, silent = null.p_values(12, 900, 200)
    assert ((p > 0) & (p <= 1)).all()
    assert (held > 0.0).all()
    assert silent < 12
    assert p.max() - p.min() > 0.3
    assert kstest(p, "uniform").pvalue > 0.001


def test_command_prints(capsys):
    null.main(["--seeds", "2", "--bars", "760", "--shifts", "20"])
    assert "Kolmogorov-Smirnov against uniform" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [0, 1])
def test_a_walk_is_a_bar_table(seed):
    from research.data.bars import validate_bars

    validate_bars(null.walk(seed, 100))
