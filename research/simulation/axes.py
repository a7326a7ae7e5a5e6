"""The values of one parameter: lists, ranges and what a command line writes.

In: `[10, 20]`, `range(5, 50, 5)`, an array, a number, or the text `"20:200:5,250"`. Out: a list of numbers.

A Python `range` ends before its stop, as everywhere in Python. A text range `start:stop:step` includes its
stop where the steps meet it: `"0.1:0.5:0.1"` is 0.1, 0.2, 0.3, 0.4, 0.5. Its steps are counted in decimal,
so 0.3 is the 0.3 that a person writes and not 0.30000000000000004. Without a step it is 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

import numpy as np

from research.errors import BadValue

__all__ = ["MOST_VALUES", "axis_of", "numbers"]

MOST_VALUES = 1_000_000
_LIKE = "write 0.02,0.05 or start:stop:step like 20:200:5"


def axis_of(name: str, given: object) -> list[object]:
    """Read the values of one parameter; a single number is a list of one.

    Parameters
    ----------
    name : str
        For the refusal.
    given : list, range, array, number or str

    Raises
    ------
    BadValue
        Something else, or a text that is no list of numbers and ranges.

    Examples
    --------
    >>> axis_of("stop", "0.01:0.03:0.01,0.1")
    [0.01, 0.02, 0.03, 0.1]
    """
    if isinstance(given, np.ndarray):
        given = np.atleast_1d(given).ravel().tolist()
    if isinstance(given, (int, float, np.number)):
        return [given]
    if isinstance(given, str) and (":" in given or "," in given):
        return list(numbers(name, given))
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)):
        return list(given)
    raise BadValue(
        f"the values of `{name}` must be a list, range, array or number, were {given!r}; "
        'write [0.1, 0.2] or "0.1:0.5:0.1"'
    )


def numbers(name: str, text: str) -> list[float]:
    """Read `0.02,0.05` and `20:200:5`, and both mixed.

    Raises
    ------
    BadValue
        A part that is neither, a step of 0 or away from the stop, or more than a million values.
    """
    out: list[float] = []
    for part in text.split(","):
        try:
            said = [Decimal(number.strip()) for number in part.split(":")]
        except InvalidOperation:
            said = []
        if not 1 <= len(said) <= 3 or not all(number.is_finite() for number in said):
            raise BadValue(
                f"the values of `{name}` must be numbers and ranges, was {part.strip()!r}; {_LIKE}"
            )
        start, stop, step = (*said, said[0], Decimal(1))[:3] if len(said) == 1 else (*said, Decimal(1))[:3]
        if step == 0 or (stop - start) * step < 0:
            raise BadValue(
                f"the step of a range must lead from its start to its stop, was {part.strip()!r} for "
                f"`{name}`; {_LIKE}"
            )
        count = int((stop - start) // step) + 1
        if len(out) + count > MOST_VALUES:
            raise BadValue(
                f"`{name}` must have {MOST_VALUES:,} values at most, was {part.strip()!r} with {count:,}; "
                "take larger steps"
            )
        out += [float(start + k * step) for k in range(count)]
    return out
