"""Our logarithm against extended precision: one unit in the last place, everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from research.kernels.logarithm import ln_nb


def ln(values: np.ndarray, begin: int = 0) -> np.ndarray:
    """Logarithms of a row, from column `begin` on."""
    x = np.zeros((2, len(values)))
    x[0] = values
    powers = np.zeros(len(values))
    bits = (x.view(np.uint64), powers.view(np.uint64))
    ln_nb(x, bits[0], 0, 1, np.uint64(begin), np.uint64(len(values)), powers, bits[1])
    return x[1]


@pytest.mark.parametrize(
    ("low", "high"),
    [(-700, 700), (-0.35, 0.35), (-1e-3, 1e-3), (-1e-9, 1e-9), (-14, 14)],
    ids=["all sizes", "around 1", "close to 1", "at 1", "prices"],
)
def test_one_unit_in_the_last_place(low, high):
    x = np.exp(np.random.default_rng(60).uniform(low, high, 200_000))
    exact = np.log(x.astype(np.longdouble))
    error = np.abs(ln(x) - exact) / np.spacing(np.abs(exact.astype(float)) + 5e-324)
    assert float(error.max()) < 1.0


def test_exact_where_it_should_be():
    x = np.array([1.0, 2.0, 0.5, 4.0, 2.0**1000, 2.0**-1000])
    assert ln(x).tolist() == pytest.approx([math.log(v) for v in x], rel=1e-16)
    assert ln(x)[0] == 0.0


def test_every_binade_and_its_edges():
    edges = np.sqrt(0.5) * 2.0 ** np.arange(-1020, 1020)
    x = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, np.inf)])
    exact = np.log(x.astype(np.longdouble))
    assert np.abs(ln(x) - exact).max() <= np.spacing(708.0)
    assert (np.abs(ln(x) / exact - 1) < 2.3e-16).all()


def test_what_is_no_price_has_no_logarithm():
    x = np.array([0.0, -0.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310])
    assert np.isnan(ln(x)).all()


def test_bits_do_not_depend_on_position():
    x = np.random.default_rng(61).lognormal(3, 2, 100)
    whole = ln(x)
    for begin in range(100):
        assert np.array_equal(ln(x, begin)[begin:], whole[begin:])
        assert np.array_equal(ln(x[begin : begin + 1]), whole[begin : begin + 1])
