"""A small canary on every commit; full size by ``python -m tests.studies canary``."""

import numpy as np
import pytest

from tests.studies import canary


def test_shuffled_folds_see_skill_in_a_random_walk_and_purged_folds_do_not():
    found = np.array([canary.measure(seed, canary.Size(rows=600, trees=15)) for seed in range(4)])
    shuffled, purged = found.mean(axis=0)
    assert shuffled > 0.7
    assert purged == pytest.approx(0.5, abs=0.08)


def test_the_walk_shows_no_bar_after_its_close():
    """Features of the rows up to a bar do not know how long the walk goes on."""
    short, _ = canary.walk(1, 100, 20)
    long, _ = canary.walk(1, 300, 20)
    assert np.array_equal(short, long[:100])


def test_command(capsys):
    canary.main(["--seeds", "1", "--rows", "200", "--trees", "2"])
    out = capsys.readouterr().out
    assert "shuffled  purged" in out
    assert "reference 0.804 and 0.501" in out
