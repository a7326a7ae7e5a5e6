"""The natural logarithm, in plain arithmetic: the same bits on every system and for every row.

In: a row of positive numbers. Out: a row of their logarithms, within 1 unit in the last place.

The logarithm of the C library is called number by number and differs in the last bit between
libraries and their versions. This one vectorises, at a quarter of the cost, and its result is
fixed by IEEE arithmetic alone, so a snapshot from one machine continues on another:

1. The bits of x are split into x = 2^k·m with √½ ≤ m < √2.
2. With f = m − 1 and s = f/(2 + f), ln m = f − f²/2 + s·(f²/2 + R(s²)), R a polynomial of degree 7.
3. ln x = k·ln 2 + ln m, with ln 2 in two parts, the first exact under multiplication by k.

Coefficients and error bound: FreeBSD's msun ``e_log.c``, Sun Microsystems, 1993.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit
from research.kernels.windows import Array

__all__ = ["ln_nb"]

# Bits of 1.0, of √½ rounded down to its upper word, and of 2^52, whose last bits count units.
_ONE = np.uint64(0x3FF0000000000000)
_ROOT = np.uint64(0x3FE6A09E00000000)
_COUNT = np.uint64(0x4330000000000000)
_FRACTION = np.uint64(0x000FFFFFFFFFFFFF)
_UP = np.uint64(0x3FF0000000000000 - 0x3FE6A09E00000000)
_SHIFT = np.uint64(52)
_BIAS = 4503599627370496.0 + 1023.0

_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_L1 = float.fromhex("0x1.5555555555593p-1")
_L2 = float.fromhex("0x1.999999997fa04p-2")
_L3 = float.fromhex("0x1.2492494229359p-2")
_L4 = float.fromhex("0x1.c71c51d8e78afp-3")
_L5 = float.fromhex("0x1.7466496cb03dep-3")
_L6 = float.fromhex("0x1.39a09d078c69fp-3")
_L7 = float.fromhex("0x1.2f112df3e5244p-3")

_SMALLEST = 2.2250738585072014e-308
_LARGEST = 1.7976931348623157e308


@njit
def ln_nb(
    x: Array,
    bits: NDArray[np.uint64],
    source: int,
    target: int,
    begin: np.uint64,
    stop: np.uint64,
    powers: Array,
    power_bits: NDArray[np.uint64],
) -> None:
    """Write the logarithms of a row into another.

    Parameters
    ----------
    x : (R, T) float64, changed in place
    bits : (R, T) uint64
        The same memory as `x`.
    source, target : int
        Rows; not the same.
    begin, stop : uint64
        Columns to fill.
    powers : (≥ stop − begin,) float64, changed in place
        Scratch.
    power_bits : as `powers`, uint64
        The same memory as `powers`.

    Notes
    -----
    NaN where x is NaN, infinite, or below the smallest normal number, 2.2e-308.
    """
    for i in range(begin, stop):
        b = bits[source, i] + _UP
        # As the lowest bits of 2^52, a whole number is a float without a conversion.
        power_bits[i - begin] = (b >> _SHIFT) + _COUNT
        bits[target, i] = (b & _FRACTION) + _ROOT
    for i in range(begin, stop):
        k = powers[i - begin] - _BIAS
        f = x[target, i] - 1.0
        half = 0.5 * (f * f)
        s = f / (2.0 + f)
        z = s * s
        w = z * z
        even = w * (_L2 + w * (_L4 + w * _L6))
        odd = z * (_L1 + w * (_L3 + w * (_L5 + w * _L7)))
        ln = k * _LN2_HIGH - ((half - (s * (half + (even + odd)) + k * _LN2_LOW)) - f)
        value = x[source, i]
        x[target, i] = ln if value >= _SMALLEST and value <= _LARGEST else np.nan
