"""Places compare as the values do, for every pair of rows, however the bars are cut."""

import numpy as np
import pytest

from research.kernels import codes as do
from research.kernels.compared import compare_nb, crossing_nb, turns_nb
from research.kernels.standing import stand_nb

BARS, ROWS = 700, 9


def values(seed=1):
    """Return averages that cross, tie, and are not known at first."""
    rng = np.random.default_rng(seed)
    rows = np.cumsum(rng.normal(0, 1, (ROWS, BARS)), axis=1).round(1)
    rows[3, 100:140] = rows[5, 100:140]
    rows[6, 200:] = -rows[6, 200:]
    for k in range(ROWS):
        rows[k, : 7 * k] = np.nan
    rows[2, 300:310] = np.nan
    return rows


def stood(rows, sizes=(BARS,)):
    """Return the places of rows, in pieces of some sizes."""
    order, out, begin = np.arange(len(rows)), np.full(rows.shape, 9, dtype=np.uint16), 0
    for size in sizes:
        piece = np.ascontiguousarray(rows[::-1, begin : begin + size])
        stand_nb(piece, np.arange(len(rows))[::-1].copy(), order, begin, out)
        begin += size
    assert begin == BARS
    return out


def test_places_compare_as_values_do():
    rows = values()
    places = stood(rows)
    known = ~np.isnan(rows)
    assert np.array_equal(places > 0, known)
    for one in range(ROWS):
        for other in range(ROWS):
            both = known[one] & known[other]
            a, b = places[one, both].astype(int), places[other, both].astype(int)
            assert np.array_equal(np.sign(a - b), np.sign(rows[one, both] - rows[other, both]))
    assert places.max() <= ROWS
    assert (places[3, 100:140] == places[5, 100:140]).all()


@pytest.mark.parametrize("sizes", [(1,) * 20 + (680,), (256, 256, 188)])
def test_places_are_the_same_however_the_bars_are_cut(sizes):
    assert np.array_equal(stood(values(), sizes), stood(values()))


@pytest.mark.parametrize("lead", [0, 1])
def test_turns_are_all_bars_that_a_crossing_is_on(lead):
    rows = values(4)
    places = stood(rows)
    room = -(-BARS // 8) * 8
    crossings = 0
    for one in range(ROWS):
        for other in range(ROWS):
            out = np.empty((1, BARS - lead))
            recipe = np.array([do.CROSS, 0, one, other])
            compare_nb(recipe, np.empty((0, 0)), places, lead, 0, out, 0)
            a, b = rows[one], rows[other]
            with np.errstate(invalid="ignore"):
                side = np.where(np.isnan(a) | np.isnan(b), np.nan, np.sign(a - b))
            now, before = side[1:], side[:-1]
            expected = np.where((now > 0) & (before < 1), 1.0, np.where((now < 0) & (before > -1), -1.0, 0.0))
            expected[np.isnan(now) | np.isnan(before)] = np.nan
            made = out[0] if lead else out[0, 1:]
            assert np.array_equal(made, expected, equal_nan=True)
            assert lead or np.isnan(out[0, 0])
            at = np.empty(room, dtype=np.int32)
            scratch = np.empty(room, dtype=np.uint8), np.zeros(room, dtype=np.uint8)
            listed = at[: turns_nb(places[one], places[other], *scratch, at)]
            assert (np.diff(listed) > 0).all()
            crossed = np.flatnonzero(np.abs(expected) == 1) + 1
            assert set(crossed) <= set(listed.tolist())
            told = [crossing_nb(places[one], places[other], i) for i in listed]
            assert np.array_equal(told, expected[listed - 1], equal_nan=True)
            crossings += crossed.size
    assert crossings > 500
