"""The loop between retrainings, by hand: what settles, who gains weight, what is said, when it stops."""

import math

import numpy as np
import pytest

from research.kernels import belief as be
from research.kernels import online as on
from research.kernels.mixing import log_loss_nb, mix_nb

SETTINGS = np.zeros(on.N_SETTINGS)
SETTINGS[[on.EVERY, on.FIRST, on.SHARE, on.RIDGE, on.BY_RANK, on.DRIFT_LABELS]] = 1000, 1, 0.0, 1.0, 1, 30


def belief(symbols=1, learners=1, memory=20, window=4, slots=6):
    return be.new_belief(symbols, learners, memory=memory, window=window, slots=slots)


def run(b, raw, labels=(), *, settings=SETTINGS, first=0, asked=None, start=0, resumed=False):
    """Run all bars of `raw` (2L, N, B); labels are (t_end, symbol, birth, net)."""
    _, n, bars = raw.shape
    asked = np.ones((n, bars), dtype=bool) if asked is None else asked
    out, said = np.full((be.N_PREDICTIONS, n, bars), -9.0), np.full((b.weights.size, n, bars), -9.0)
    weights = np.full((b.weights.size, bars), -9.0)
    t_end, symbol, birth = (np.array([x[k] for x in labels], dtype=np.int64) for k in range(3))
    net = np.array([x[3] for x in labels], dtype=float)
    reached = on.speak_nb(
        b, settings, first, start, bars, resumed, t_end, symbol, birth, net, 0, raw, asked, out, said, weights
    )  # fmt: skip
    return reached, out, said, weights


def raw_of(champion, challenger=None):
    """(2, 1, B): one learner, one symbol."""
    champion = np.array(champion, dtype=float)
    other = np.full_like(champion, np.nan) if challenger is None else np.array(challenger, dtype=float)
    return np.stack([champion, other])[:, None, :]


def test_base_rate_and_sizes_by_hand():
    """Two wins of 3 and 1 %, one loss of 2 %, and 0 is no win."""
    b = belief()
    labels = [(2, 0, 0, 0.03), (2, 0, 1, -0.02), (3, 0, 1, 0.01), (3, 0, 2, 0.0)]
    run(b, raw_of([np.nan] * 4), labels)
    c = b.carried
    assert c[be.SETTLED] == 4
    assert c[be.BASE] == 0.5
    assert c[be.WIN] == pytest.approx(0.02, rel=1e-15)
    assert c[be.LOSS] == pytest.approx(0.01, rel=1e-15)  # (0.02 + 0) / 2
    assert c[be.WEIGHT_SUM] == 1 / 2 + 1 / 1 + 1 / 2 + 1 / 1


def test_the_record_forgets_the_oldest():
    b = belief(memory=2)
    run(b, raw_of([np.nan] * 4), [(1, 0, 0, -0.5), (2, 0, 1, 0.01), (3, 0, 2, 0.03)])
    assert b.carried[be.BASE] == 1.0
    assert b.carried[be.WIN] == pytest.approx(0.02)
    assert math.isnan(b.carried[be.LOSS])


def test_before_any_label_all_experts_weigh_the_same():
    b = belief()
    _, out, said, weights = run(b, raw_of([0.8]))
    assert np.array_equal(weights[:, 0], [1 / 3] * 3)
    # The base rate knows nothing yet and sleeps; the mean of one learner is that learner.
    assert said[0, 0, 0] == said[2, 0, 0] == 0.8
    assert math.isnan(said[1, 0, 0])
    assert out[be.PROBABILITY, 0, 0] == pytest.approx(0.8, rel=1e-12)
    assert math.isnan(out[be.BREAK_EVEN, 0, 0])
    assert out[be.KELLY, 0, 0] == 0.0


def test_weights_are_the_mixing_identity():
    """With α = 0 a weight is its prior × the product of what the expert gave to what came."""
    b = belief(learners=2)
    raw = np.full((4, 1, 6), np.nan)
    raw[0, 0], raw[1, 0] = [0.9, 0.8, 0.3, 0.6, 0.5, 0.5], [0.4, 0.5, 0.6, 0.7, 0.5, 0.5]
    came = [0.01, -0.01, 0.01, 0.02]
    # A first label, that nobody spoke of, gives the base rate: it never sleeps then.
    labels = [(0, 0, -1, 0.01), *((t + 1, 0, t, net) for t, net in enumerate(came))]
    _, _, said, weights = run(b, raw, labels)
    given = np.full(4, 0.25)
    assert np.array_equal(weights[:, 0], given)
    for t, net in enumerate(came):
        p = np.clip(said[:, 0, t], 0.01, 0.99)
        given = given * (p if net > 0 else 1 - p)
        assert np.allclose(weights[:, t + 1], given / given.sum(), rtol=1e-13)
    assert np.array_equal(weights[:, 5], weights[:, 4]), "nothing settled"
    # base rate by hand: wins so far of labels so far
    assert said[2, 0, :5].tolist() == [1.0, 1.0, pytest.approx(2 / 3), 0.75, 0.8]
    assert said[3, 0, 0] == pytest.approx(0.65)


def test_share_spreads_alpha():
    settings = SETTINGS.copy()
    settings[on.SHARE] = 0.3
    b = belief()
    _, _, said, weights = run(b, raw_of([0.9, 0.9]), [(0, 0, -1, -0.01), (1, 0, 0, 0.01)], settings=settings)
    posterior = np.clip(said[:, 0, 0], 0.01, 0.99) / 3
    posterior /= posterior.sum()
    assert np.allclose(weights[:, 1], 0.7 * posterior + 0.1, rtol=1e-13)


def test_a_label_that_nobody_spoke_of_moves_no_weight():
    b = belief()
    asked = np.array([[False, True, True]])
    _, out, said, weights = run(b, raw_of([0.9, 0.9, 0.9]), [(1, 0, 0, -0.01)], asked=asked)
    assert np.array_equal(weights, np.full((3, 3), 1 / 3))
    assert np.isnan(out[:, 0, 0]).all()
    assert np.isnan(said[:, 0, 0]).all()
    assert b.carried[be.SAID_N] == 0
    assert b.carried[be.SETTLED] == 1


def test_a_sleeping_learner_keeps_its_weight():
    b = belief(learners=2)
    raw = np.full((4, 1, 2), np.nan)
    raw[0, 0] = 0.9
    _, _, said, weights = run(b, raw, [(0, 0, -1, 0.01), (1, 0, 0, 0.01)])
    assert np.isnan(said[1, 0]).all()
    assert weights[1, 1] == pytest.approx(0.25, rel=1e-15)
    assert weights[0, 1] < weights[2, 1], "0.9 against a base rate of 1"


def test_edge_break_even_and_kelly_by_hand():
    b = belief(memory=50)
    labels = [(0, 0, -1, 0.02)] * 6 + [(0, 0, -1, -0.01)] * 4
    b.carried[be.INTERCEPT] = 0.0
    _, out, _, _ = run(b, raw_of([0.6]), labels)
    p, edge, _, kelly, effective, level = out[:, 0, 0]
    assert p == pytest.approx(0.6, rel=1e-12)  # all three say 0.6, and no pair is on record
    assert level == pytest.approx(1 / 3, rel=1e-13)  # loss / (win + loss)
    assert edge == pytest.approx(0.6 - 1 / 3, rel=1e-12)
    assert effective == 10.0
    odds, e = 2.0, 3 * 0.6 - 1
    f = 0.6 / 0.01 - 0.4 / 0.02
    assert kelly == pytest.approx(f * e**2 / (e**2 + (odds + 1) ** 2 * 0.24 / 10), rel=1e-12)


def test_confidence_is_the_rank_of_the_distance_to_the_base_rate():
    """Percentile with ties as one half, of the last 20 distances; none among fewer."""
    b = belief(window=20)
    labels = [(0, 0, -1, 0.01), (0, 0, -1, -0.01)]  # base rate ½
    words = [0.5 + 0.01 * k for k in range(1, 21)]
    _, out, _, _ = run(b, raw_of([*words, words[1], 0.95]), labels)
    told = out[be.CONFIDENCE, 0]
    assert np.isnan(told[:19]).all()
    assert told[19] == pytest.approx(19.5 / 20)
    assert told[20] == pytest.approx((0 + 0.5 * 2) / 20)  # the first has left, the second is its equal
    assert told[21] == pytest.approx(19.5 / 20)


def test_confidence_as_a_probability():
    settings = SETTINGS.copy()
    settings[on.BY_RANK] = 0
    _, out, _, _ = run(belief(), raw_of([0.6, 0.3]), settings=settings)
    assert out[be.CONFIDENCE, 0] == pytest.approx([0.6, 0.7])


def test_a_duel_counts_what_both_spoke_of():
    b = belief()
    raw = raw_of([0.7, 0.6, 0.8, 0.5], [np.nan, 0.9, 0.2, 0.5])
    run(b, raw, [(1, 0, 0, 0.01), (2, 0, 1, 0.01), (3, 0, 2, -0.01)])
    count, theirs, ours = b.duel[0]
    assert count == 2
    assert theirs == pytest.approx(-math.log(0.6) - math.log(0.2), rel=1e-13)
    assert ours == pytest.approx(-math.log(0.9) - math.log(0.8), rel=1e-13)
    assert log_loss_nb(0.9, 1.0) == pytest.approx(-math.log(0.9))


def test_hits_of_a_bar_are_the_drift_detectors_food():
    """Two symbols, one right and one wrong: a rate of one half; a bar without labels gives none."""
    b = belief(symbols=2)
    raw = np.full((2, 2, 3), np.nan)
    raw[0] = 0.9
    run(b, raw, [(1, 0, 0, 0.01), (1, 1, 0, -0.01)])
    assert b.carried[be.RATE_N] == 1
    assert b.rate[0] == 0.5
    assert math.isnan(b.carried[be.REFERENCE])
    b.carried[be.SAID_N] = 30
    on.refer_nb(b, SETTINGS)
    assert b.carried[be.REFERENCE] == 0.5


def test_the_detector_goes_on_over_a_retraining():
    b = belief()
    b.turns[:] = 7.0
    b.carried[be.SAID_N], b.carried[be.RATE_N] = 40, 1
    b.rate[0] = 0.6
    on.refer_nb(b, SETTINGS)
    assert (b.turns == 7.0).all()
    assert b.carried[be.REFERENCE] == 0.6


def test_it_stops_on_schedule_and_resumes_at_that_bar():
    settings = SETTINGS.copy()
    settings[on.EVERY], settings[on.FIRST] = 3, 2
    b = belief()
    raw = raw_of([0.6] * 6)
    labels = [(0, 0, -1, 0.01), (1, 0, -1, 0.01)]
    reached, out, _, _ = run(b, raw, labels, settings=settings)
    assert reached == (2, 2, on.SCHEDULE)
    assert out[0, 0, 2] == -9.0, "the bar is settled, not yet spoken of"
    b.carried[be.SINCE] = 0.0
    reached, out, _, _ = run(b, raw, labels, settings=settings, start=2, resumed=True)
    assert reached[0::2] == (5, on.SCHEDULE)
    assert np.isfinite(out[be.PROBABILITY, 0, 2:5]).all()


def test_too_few_labels_and_it_does_not_stop():
    settings = SETTINGS.copy()
    settings[on.EVERY], settings[on.FIRST] = 2, 2
    reached, _, _, _ = run(belief(), raw_of([np.nan] * 6), [(1, 0, 0, 0.01)], settings=settings)
    assert reached == (6, 1, on.DONE)


def test_an_alarm_stops_it():
    b = belief()
    b.carried[be.REFERENCE] = 0.9
    b.turns[:] = 2519.0 / b.turns.size
    reached, out, _, _ = run(b, raw_of([0.9] * 3), [(1, 0, 0, -0.01), (2, 0, 1, -0.01)])
    assert reached[0::2] == (1, on.ALARM)
    assert out[0, 0, 1] == -9.0


# --- no future, no chunks ---


def noisy(seed, bars=60, symbols=3):
    rng = np.random.default_rng(seed)
    raw = rng.random((4, symbols, bars))
    asked = rng.random((symbols, bars)) < 0.8
    labels = [
        (t + int(rng.integers(1, 5)), j, t, float(rng.normal()))
        for j in range(symbols) for t in range(bars) if asked[j, t] and rng.random() < 0.9
    ]  # fmt: skip
    return raw, asked, sorted(x for x in labels if x[0] < bars)


@pytest.mark.parametrize("t", [5, 23, 41])
def test_later_labels_and_words_change_nothing_earlier(t):
    settings = SETTINGS.copy()
    settings[on.SHARE] = 0.01
    raw, asked, labels = noisy(1)
    _, out, said, weights = run(belief(3, 2, slots=8), raw, labels, asked=asked, settings=settings)
    rng = np.random.default_rng(2)
    other = raw.copy()
    other[:, :, t + 1 :] = other[:, :, t + 1 :][:, :, rng.permutation(raw.shape[2] - t - 1)]
    late = [x for x in labels if x[0] > t]
    nets = rng.permutation([-3 * x[3] for x in late])
    changed = [x for x in labels if x[0] <= t]
    changed += [(*x[:3], float(net)) for x, net in zip(late, nets, strict=True)]
    _, out2, said2, weights2 = run(belief(3, 2, slots=8), other, changed, asked=asked, settings=settings)
    for a, b in ((out, out2), (said, said2), (weights, weights2)):
        assert a[..., : t + 1].tobytes() == b[..., : t + 1].tobytes()
        assert a.tobytes() != b.tobytes()


@pytest.mark.parametrize("size", [1, 7, 59])
def test_any_split_gives_the_same_bits(size):
    raw, asked, labels = noisy(3)
    whole = belief(3, 2, slots=8)
    _, out, said, weights = run(whole, raw, labels, asked=asked)
    split, parts = belief(3, 2, slots=8), []
    for a in range(0, 60, size):
        z = min(a + size, 60)
        now = [x for x in labels if a <= x[0] < z]
        parts.append(run(split, raw[:, :, a:z].copy(), now, first=a, asked=asked[:, a:z].copy())[1:])
    for k, x in enumerate((out, said, weights)):
        assert np.concatenate([p[k] for p in parts], axis=-1).tobytes() == x.tobytes()
    for name in whole._fields:
        assert getattr(whole, name).tobytes() == getattr(split, name).tobytes(), name


def test_the_mixture_is_over_those_awake():
    assert mix_nb(np.array([0.2, 0.3, 0.5]), np.array([0.4, np.nan, 0.8])) == pytest.approx(0.48 / 0.7)
