"""Uniqueness, effective sizes and training weights against worked numbers and counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.errors import BadValue
from research.learning.labels import effective_size, kish_size, sample_weights, uniqueness
from tests.kernels.broker_cases import same_bits


def test_uniqueness_worked():
    """STATISTICS.md: spans [0–2], [2–3], [4–5]; a span is birth + 1 … t_end."""
    got = uniqueness([0, 0, 0], [-1, 1, 3], [2, 3, 5])
    assert got.tolist() == pytest.approx([5 / 6, 3 / 4, 1.0], rel=1e-15)
    assert uniqueness([0, 1, 2], [-1, 1, 3], [2, 3, 5]).tolist() == [1.0, 1.0, 1.0]
    assert uniqueness([], [], []).shape == (0,)


def test_overlapping_labels_are_worth_little():
    birth = np.arange(1000)
    got = uniqueness(np.zeros(1000), birth, birth + 20)
    assert got[19:-19] == pytest.approx(np.full(962, 0.05), rel=1e-12)
    assert effective_size(got) == pytest.approx(50.0, rel=0.06)
    # A bar with c labels gives each 1/c, all of them 1: Σ uniqueness = bars with a label ÷ bars of a label.
    assert effective_size(got) == pytest.approx(1019 / 20, rel=1e-12)
    assert kish_size(np.full(1000, 0.05)) == pytest.approx(1000.0)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 40), st.integers(1, 12)), min_size=1, max_size=30)
)
def test_uniqueness_by_counting(spans):
    symbol, birth, length = np.array(spans).T
    got = uniqueness(symbol, birth, birth + length)
    for j, (k, after, bars) in enumerate(spans):
        alive = [
            sum(o == k and a < t <= a + m for o, a, m in spans) for t in range(after + 1, after + bars + 1)
        ]
        shares = [1 / count for count in alive]
        assert got[j] == pytest.approx(np.mean(shares), rel=1e-12)


def test_uniqueness_of_a_row_knows_only_its_neighbours():
    """Bits of a label do not depend on the order of rows, nor on labels far away."""
    rng = np.random.default_rng(0)
    birth = np.sort(rng.integers(1000, 1300, 200))
    t_end = birth + rng.integers(1, 21, 200)
    one = uniqueness(np.zeros(200), birth, t_end)
    more = uniqueness(np.zeros(260), [*birth, *range(0, 900, 15)], [*t_end, *range(7, 907, 15)])
    assert same_bits(one, more[:200])
    turned = rng.permutation(200)
    assert same_bits(one[turned], uniqueness(np.zeros(200), birth[turned], t_end[turned]))


def test_kish():
    assert kish_size([1.0, 1.0, 2.0]) == pytest.approx(16 / 6)
    assert kish_size([]) == kish_size([0.0]) == 0.0


def test_sample_weights():
    # uniqueness 5/6, 3/4, 1 times 0.06, 0.02, 0.10 = 0.05, 0.015, 0.1, mean 0.055
    got = sample_weights([0, 0, 0], [-1, 1, 3], [2, 3, 5], [-0.06, 0.02, 0.10])
    assert got.tolist() == pytest.approx([0.05 / 0.055, 0.015 / 0.055, 0.1 / 0.055], rel=1e-14)
    assert sample_weights([], [], [], []).shape == (0,)


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        (([0, 0], [1, 2], [3]), "rows of one length"),
        (([[0]], [[1]], [[2]]), "rows of one length"),
        (([0, 0], [1, 4], [3, 4]), "later than `birth`, was 4 with birth 4 in row 1"),
    ],
)
def test_spans_are_checked(labels, rule):
    with pytest.raises(BadValue, match=rule):
        uniqueness(*labels)


@pytest.mark.parametrize("net", [[0.0, 0.0], [0.1, np.nan], [0.1, np.inf], [0.1]])
def test_returns_are_checked(net):
    with pytest.raises(BadValue, match="`net` must"):
        sample_weights([0, 0], [1, 2], [3, 4], net)
