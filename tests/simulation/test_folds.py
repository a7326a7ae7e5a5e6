"""Folds: test spans follow each other without a gap, each after its own train span."""

import pytest

from research.errors import BadValue, NotEnoughHistory
from research.simulation.folds import Fold, cut


def test_equal_test_spans_after_growing_train_spans():
    assert cut(103, 3) == [Fold(0, 28, 53), Fold(0, 53, 78), Fold(0, 78, 103)]


def test_spans_of_one_length_move_on_by_a_test_span():
    assert cut(150, train_bars=60, test_bars=40) == [Fold(0, 60, 100), Fold(40, 100, 140), Fold(80, 140, 150)]
    assert cut(143, train_bars=60, test_bars=40)[-1] == Fold(40, 100, 140), "three bars are no test"


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"n_splits": 1}, BadValue, "`n_splits` must be ≥ 2 folds, was 1"),
        ({"n_splits": 30}, BadValue, "needs 20 bars to train and 5 to test, had 6 and 6 of 200"),
        ({"train_bars": 50}, BadValue, "go together, had one"),
        ({"train_bars": 5, "test_bars": 50}, BadValue, "had 5 and 50 of 200"),
        ({"train_bars": 50, "test_bars": 0}, BadValue, "had 50 and 0 of 200"),
        ({"train_bars": 300, "test_bars": 50}, NotEnoughHistory, "200 bars hold no fold of 300 to train"),
    ],
)
def test_spans_that_cannot_be(asked, error, said):
    with pytest.raises(error, match=said):
        cut(200, **asked)
