"""Which combinations of a product are cells: rules, constraints and features, asked once per distinct case.

In: a function of parameters (a strategy's rule, a user's constraint, the features it reads) and many
combinations. Out: its answer for each.

A million combinations often differ only in parameters that the function does not look at. It is watched
while it is asked; combinations that agree in everything it has looked at so far share one answer. The
answers are those of asking every time, provided that it depends on its argument alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.strategies.declared import Below

__all__ = ["Constraint", "Point", "allowed", "answers", "cases"]

I64 = NDArray[np.int64]
A = TypeVar("A")

_COUNTED = 1 << 16  # possible cases, beside one per combination, that are numbered without sorting


class Point(Mapping[str, float]):
    """The parameters of one cell, as a mapping and as attributes; notes what is looked at.

    Examples
    --------
    >>> point = Point({"fast": 5.0, "slow": 20.0}, set())
    >>> point.fast < point["slow"]
    True
    """

    __slots__ = ("_seen", "_values")

    def __init__(self, values: Mapping[str, float], seen: set[str]) -> None:
        self._values = values
        self._seen = seen

    def __getitem__(self, name: str) -> float:
        self._seen.add(name)
        return self._values[name]

    def __getattr__(self, name: str) -> float:
        if name.startswith("__"):  # what copy and pickle ask of any object
            raise AttributeError(name)
        if name not in self._values:
            raise UnknownName("parameter in the constraint", name, self._values)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        self._seen.update(self._values)
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


Constraint = Callable[[Any], object]
"""Takes the parameters of a cell (`p.fast` or `p["fast"]`) and says whether it is run."""


def answers(
    ask: Callable[[Point], A],
    base: Mapping[str, float],
    axes: Mapping[str, NDArray[np.float64]],
    digits: Sequence[I64],
) -> tuple[list[A], I64]:
    """Ask a function of each combination, once per distinct case.

    Parameters
    ----------
    ask : callable
    base : mapping of str to float
        The parameters that are not varied.
    axes : mapping of str to (V,) float64
    digits : sequence of (C,) int64
        Per axis: which of its values each combination has.

    Returns
    -------
    list
        One answer per distinct case.
    (C,) int64
        Which of them is each combination's.
    """
    names = list(axes)
    seen: set[str] = set()
    while True:
        looked = [name for name in names if name in seen]
        first, case = cases(looked, axes, digits)
        told: list[A] = []
        count = len(seen)
        columns = [axes[name][digits[k][first]].tolist() for k, name in enumerate(names)]
        for values in zip(*columns, strict=True):
            point = {**base}
            point.update(zip(names, values, strict=True))
            told.append(ask(Point(point, seen)))
            if len(seen) > count:
                count = len(seen)
                if len(seen.intersection(names)) > len(looked):
                    break  # it looks at more than was thought: more cases are to be told apart
        else:
            return told, case


def cases(
    looked: Sequence[str], axes: Mapping[str, NDArray[np.float64]], digits: Sequence[I64]
) -> tuple[I64, I64]:
    """Tell combinations apart by some of the axes alone.

    Parameters
    ----------
    looked : sequence of str
        The axes that count.
    axes, digits
        As of `answers`.

    Returns
    -------
    (D,) int64
        The first combination of each distinct case, in the order of the product.
    (C,) int64
        The case of each combination.
    """
    count, size = len(digits[0]), 1
    code = np.zeros(count, dtype=np.int64)
    for name, digit in zip(axes, digits, strict=True):
        if name in looked:
            code, size = code * len(axes[name]) + digit, size * len(axes[name])
    if size > _COUNTED + count:
        _, first, case = np.unique(code, return_index=True, return_inverse=True)
        return first, case
    # Few possible cases: numbered without sorting the combinations.
    there = np.zeros(size, dtype=np.bool_)
    there[code] = True
    case = (np.cumsum(there) - 1)[code]
    first = np.full(int(there.sum()), count)
    np.minimum.at(first, case, np.arange(count))
    return first, case


def allowed(
    rule: Callable[[Mapping[str, float]], str | None] | None,
    constraint: Constraint | None,
    base: Mapping[str, float],
    axes: Mapping[str, NDArray[np.float64]],
    digits: Sequence[I64],
) -> tuple[NDArray[np.bool_], str]:
    """Say which combinations a strategy's rule and a user's constraint allow.

    Returns
    -------
    (C,) bool
    str
        Why the first of the others is left out; "" if none is.

    Raises
    ------
    BadValue
        The constraint raised, or gave no truth value; the combination is named.
    UnknownName
        It looked at a parameter that the strategy does not have.
    """
    keep = np.ones(len(digits[0]), dtype=np.bool_)
    why = np.zeros(len(keep), dtype=np.int64)
    reasons: list[str] = [""]
    if isinstance(rule, Below):
        looked = {name: base[name] for name in (rule.lower, rule.upper)}
        columns = {n: values[of] for (n, values), of in zip(axes.items(), digits, strict=True) if n in looked}
        keep = keep & rule.holds({**looked, **columns})
        why = np.where(keep, 0, 1)
        if not keep.all():
            first = int(np.argmin(keep))
            reasons.append(rule({**looked, **{n: float(of[first]) for n, of in columns.items()}}) or "")
    elif rule is not None:
        said, case = answers(rule, base, axes, digits)
        keep = np.array([one is None for one in said])[case]
        why = np.where(keep, 0, case + 1)
        reasons += [one or "" for one in said]
    if constraint is not None and keep.any():
        # Asked only where the rule allows: it may divide by what the rule keeps apart from 0.
        left = np.flatnonzero(keep)
        passed, case = answers(
            lambda point: _asked(constraint, point, axes), base, axes, [of[left] for of in digits]
        )
        keep[left] = np.array(passed)[case]
        why[~keep & (why == 0)] = len(reasons)
        reasons.append("the constraint excludes it")
    out = np.flatnonzero(~keep)
    return keep, reasons[why[out[0]]] if out.size else ""


def _asked(constraint: Constraint, point: Point, axes: Mapping[str, object]) -> bool:
    """Ask a constraint of one combination, and name the combination if it cannot answer."""
    try:
        answer = constraint(point)
    except UnknownName:
        raise
    # Broad, because the constraint is the user's own function and may raise anything: no list of ours would
    # be complete. Nothing is swallowed: what it raised is raised again, with the cell that it was asked of.
    except Exception as problem:
        what = f"raised {type(problem).__name__} ({problem})"
        raise BadValue(_broken(what, point, axes)) from problem
    if not isinstance(answer, (bool, np.bool_)):
        raise BadValue(_broken(f"must give True or False, gave {answer!r}", point, axes))
    return bool(answer)


def _broken(what: str, point: Point, axes: Mapping[str, object]) -> str:
    cell = ", ".join(f"{name}={point[name]:g}" for name in axes)
    what = " ".join(what.split())
    return f"the constraint {what} at {cell}; write one like lambda p: p.fast < p.slow"
