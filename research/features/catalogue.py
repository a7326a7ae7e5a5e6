"""The features by name: what each is, how far it looks back, and where it comes from.

In: a name such as ``"dist_sma_20"``. Out: a `Feature`. `FEATURES` holds the named set; any other
window of a family is a feature too (``feature("dist_sma_37")``). The table is `research.features.table`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from research.errors import BadValue, UnknownName
from research.features.nodes import Row, Step
from research.features.sources import SOURCES
from research.features.table import TABLE, Family

__all__ = ["FEATURES", "LONGEST_WINDOW", "Feature", "feature", "statistic"]

LONGEST_WINDOW: Final = 2520
_NUMBER: Final = "(0|[1-9][0-9]*)"


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes
    ----------
    name, family : str
    kernel : str
        The computation that fills it.
    params : tuple of int
        Windows, in the order of the name; other parameters of the kernel if the name has none.
    inputs : tuple of str
        Base columns that it is computed from, directly or not.
    needs : tuple of str
        Statistics and features that its kernel reads.
    lookback : int
        Bars before its first value; derived from the expression.
    recursive : bool
        Whether it has a memory beyond its window; `lookback` is then the warm-up after which what is
        left of the start is ≤ 1e-9.
    formula : str
    undefined : str
        Where it is NaN, or takes a neutral value, after its warm-up; empty: nowhere.
    source : str
        Author, title, year, page.
    row : Row
        The expression.
    """

    name: str
    family: str
    kernel: str
    params: tuple[int, ...]
    inputs: tuple[str, ...]
    needs: tuple[str, ...]
    lookback: int
    recursive: bool
    formula: str
    undefined: str
    source: str
    row: Row = field(repr=False)


def _columns(step: Step) -> Iterator[str]:
    """Yield the base columns below a step, repeatedly."""
    yield from step.columns
    for row in step.inputs:
        yield from _columns(row.step)


def _make(family: str, line: Family, windows: tuple[int, ...]) -> Feature:
    """Build the feature of a line for some windows."""
    row = line.expression(*windows)
    step = row.step
    name = line.pattern
    for key, n in zip(_keys(line), windows, strict=True):
        name = name.replace(key, str(n))
    return Feature(
        name=name,
        family=family,
        kernel=step.kernel,
        params=windows or step.params,
        inputs=tuple(dict.fromkeys(_columns(step))),
        needs=tuple(str(r) for r in step.inputs),
        lookback=row.lookback,
        recursive=step.recursive,
        formula=line.formula,
        undefined=line.undefined,
        source=SOURCES[line.source],
        row=row,
    )


def statistic(row: Row) -> Feature:
    """Return an expression as a feature without a name of its own, such as the mean that two features share.

    Examples
    --------
    >>> from research.features.formulas import sma
    >>> statistic(sma(20)).name
    'mean(close, 20)'
    """
    step = row.step
    return Feature(
        name=str(row),
        family="statistic",
        kernel=step.kernel,
        params=step.params,
        inputs=tuple(dict.fromkeys(_columns(step))),
        needs=tuple(str(r) for r in step.inputs),
        lookback=row.lookback,
        recursive=step.recursive,
        formula=str(row),
        undefined="",
        source="",
        row=row,
    )


def _keys(line: Family) -> list[str]:
    return re.findall(r"\{[a-z]\}", line.pattern)


def _catalogue() -> dict[str, Feature]:
    made: dict[str, Feature] = {}
    for family, lines in TABLE.items():
        for line in lines:
            for windows in line.windows or ((),):
                one = _make(family, line, windows if isinstance(windows, tuple) else (windows,))
                made[one.name] = one
    return made


FEATURES: Final[Mapping[str, Feature]] = MappingProxyType(_catalogue())

_PATTERNS: Final = tuple(
    (re.compile(re.sub(r"\\\{[a-z]\\\}", lambda _: _NUMBER, re.escape(line.pattern))), family, line)
    for family, lines in TABLE.items()
    for line in lines
    if line.windows
)


@functools.lru_cache(maxsize=65_536)
def feature(name: str) -> Feature:
    """Return the feature of a name, also of a window that `FEATURES` does not list.

    Parameters
    ----------
    name : str
        A name in `FEATURES`, or one of its family with other windows: ``"dist_sma_37"``,
        ``"sma_10_100"``, ``"sma_cross_5_60"``.

    Returns
    -------
    Feature

    Raises
    ------
    UnknownName
        No family has this name; the nearest feature is offered.
    BadValue
        A window outside its bounds, or two windows in the wrong order.

    Examples
    --------
    >>> feature("sma_cross_5_60").lookback
    60
    >>> feature("rsi_14").source
    'J. W. Wilder, New Concepts in Technical Trading Systems, 1978'
    """
    if name in FEATURES:
        return FEATURES[name]
    for pattern, family, line in _PATTERNS:
        if match := pattern.fullmatch(name):
            windows = tuple(int(n) for n in match.groups())
            for n in windows:
                if not line.least <= n <= LONGEST_WINDOW:
                    bounds = f"{line.least} to {LONGEST_WINDOW} bars"
                    raise BadValue(f"windows of {line.pattern} must be {bounds}, was {n} in {name!r}")
            if list(windows) != sorted(set(windows)):
                raise BadValue(f"windows of {line.pattern} must increase, were {windows} in {name!r}")
            return _make(family, line, windows)
    raise UnknownName("feature", name, FEATURES)
