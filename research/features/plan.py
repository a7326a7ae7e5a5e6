"""From feature names to a program for `research.kernels.program`.

In: names. Out: a `Plan`: integer steps in an order in which inputs come first, each distinct
computation once, and the row of the workspace in which each feature ends up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.features.catalogue import Feature, feature
from research.features.nodes import Row, Step
from research.kernels import codes as do
from research.kernels.folds import order_of

__all__ = ["Plan", "make_plan"]

_INPUTS = do.OUT0 - do.IN0
_OUTPUTS = do.STATE - do.OUT0
# Statistics of which some rows are often not read: their code, the rows that suffice, the shorter code.
_NARROWER = {do.T_LINE: ({0, 2}, do.T_TREND), do.T_EXTREMES: ({0}, do.T_HIGHEST)}
# What a base column is made from.
_SOURCE = {"ret": "ln_close", **{f"ln_{c}": c for c in ("open", "high", "low", "close")}}


@dataclass(frozen=True, eq=False)
class Plan:
    """A compiled set of features.

    Attributes
    ----------
    features : tuple of Feature, length K
    program : (P, PROGRAM_WIDTH) int64
    order : (M,) int64
        Layouts of the windows, see `research.kernels.folds`.
    wanted : (K,) int64
        Row of the workspace of each feature.
    rows : int
        Rows of the workspace.
    state : int
        Numbers that each symbol carries.
    keep : int
        Earlier bars that any step reads, ≥ 1.
    reads : (N_COLUMNS,) bool
        Base columns that any step reads, and those that they are made from.
    lookback : int
        Bars before every feature has its first value.
    fingerprint : str
        Equal for equal programs.
    """

    features: tuple[Feature, ...]
    program: NDArray[np.int64]
    order: NDArray[np.int64]
    wanted: NDArray[np.int64]
    rows: int
    state: int
    keep: int
    reads: NDArray[np.bool_]
    lookback: int
    fingerprint: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(f.name for f in self.features)


def _ordered(rows: Sequence[Row]) -> list[Step]:
    """Return every step below some rows once, inputs first."""
    seen: dict[Step, None] = {}

    def visit(step: Step) -> None:
        if step not in seen:
            for row in step.inputs:
                visit(row.step)
            seen[step] = None

    for row in rows:
        visit(row.step)
    return list(seen)


def _contained(steps: Sequence[Step]) -> dict[Step, Step]:
    """Map each statistic that another one computes on the way, by the same operations, to that one.

    The mean is the first row of a variance, and a variance the first two of a line and of a skew.
    """
    trees = {(step.code, step.params, step.columns): step for step in steps if step.code < do.N_TREES}
    given: dict[Step, Step] = {}
    for wide, narrow in ((do.T_VARIANCE, do.T_MEAN), (do.T_LINE, do.T_VARIANCE), (do.T_SKEW, do.T_VARIANCE)):
        for (code, params, columns), step in trees.items():
            other = trees.get((narrow, params, columns))
            if code == wide and other is not None:
                given[other] = step
    # A mean may be given by a variance that is itself given.
    return {other: given.get(step, step) for other, step in given.items()}


def _part(step: Step) -> int:
    """Return the part of a program that a step belongs to: what reads columns only comes first."""
    if step.code <= do.STOCH:
        return 0
    return 1 if step.warmup else 2


def _narrowed(step: Step, read: set[int]) -> int:
    """Return the code that computes no more of a statistic than is read."""
    suffices, shorter = _NARROWER.get(step.code, (set(), step.code))
    return shorter if read <= suffices else step.code


def make_plan(names: Sequence[str | Feature]) -> Plan:
    """Compile features into a program.

    Parameters
    ----------
    names : sequence of str or Feature
        Features, in the order of the output.

    Returns
    -------
    Plan

    Raises
    ------
    UnknownName, BadValue
        A name that is no feature; no name; a name given twice.

    Examples
    --------
    >>> plan = make_plan(["vol_21", "momentum_score"])
    >>> plan.lookback, len(plan.program)
    (126, 6)
    """
    if isinstance(names, str):
        raise BadValue(f"`features` must be a list of names, was the text {names!r}; write [{names!r}]")
    if not names:
        raise BadValue("`features` must name at least one feature, was empty")
    features = tuple(name if isinstance(name, Feature) else feature(name) for name in names)
    twice = sorted(name for name, count in Counter(f.name for f in features).items() if count > 1)
    if twice:
        raise BadValue(f"`features` must differ, {twice[0]!r} is named twice; drop one")

    steps = _ordered([f.row for f in features])
    given = _contained(steps)
    steps = sorted((step for step in steps if step not in given), key=_part)
    wanted_rows = [*(row for step in steps for row in step.inputs), *(f.row for f in features)]
    read = {(given.get(row.step, row.step), row.output) for row in wanted_rows}
    place: dict[tuple[Step, int], int] = {}
    for step in steps:
        for k in range(step.outputs):
            # A row step fills all its outputs; of a statistic only those that are read are kept.
            if step.code >= do.N_TREES or (step, k) in read:
                place[step, k] = len(place)

    lines = []
    state = 0
    order: list[int] = []
    layouts: dict[int, int] = {}
    for step in steps:
        arguments = step.arguments or step.params
        # Lists, made an array at once: a slice of an array costs more than the whole line.
        line = [-1] * do.PROGRAM_WIDTH
        line[do.CODE] = _narrowed(step, {k for k in range(step.outputs) if (step, k) in read})
        line[do.P0 : do.IN0] = [*arguments, *[0] * (do.IN0 - do.P0 - len(arguments))]
        inputs = [place[given.get(row.step, row.step), row.output] for row in step.inputs]
        line[do.IN0 : do.OUT0] = [*inputs, *[0] * (_INPUTS - len(inputs))]
        if step.code < do.N_TREES:
            line[do.P3] = step.lookback
            window = line[do.P0]
            if window not in layouts:
                layouts[window] = len(order)
                order += order_of(window)
            line[do.IN0] = layouts[window]
        line[do.OUT0 : do.STATE] = [place.get((step, k), -1) for k in range(_OUTPUTS)]
        line[do.STATE], line[do.STATE_END] = state, state + step.state
        state += step.state
        lines.append(line)
    program = np.array(lines, dtype=np.int64)

    keep = max([1, *(_window(step) for step in steps)])
    wanted = np.array(
        [place[given.get(f.row.step, f.row.step), f.row.output] for f in features], dtype=np.int64
    )
    return Plan(
        features=features,
        program=program,
        order=np.array(order, dtype=np.int64),
        wanted=wanted,
        rows=len(place),
        state=state,
        keep=keep,
        reads=_reads(steps, program[:, do.CODE]),
        lookback=max(f.lookback for f in features),
        fingerprint=hashlib.sha256(program.tobytes() + wanted.tobytes()).hexdigest()[:16],
    )


def _reads(steps: Sequence[Step], codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the base columns below some steps, whose codes are those that will run."""
    names: set[str] = set()
    for step, code in zip(steps, codes, strict=True):
        names.update(step.columns if code != do.T_HIGHEST else ("high",), step.also)
    for made, source in _SOURCE.items():  # the return first, since it needs a logarithm
        if made in names:
            names.add(source)
    return np.array([name in names for name in do.COLUMNS])


def _window(step: Step) -> int:
    """Return the earlier bars that a step needs in its columns.

    A return needs no more than itself. A statistic also needs to see that its warm-up
    is over, which it tells by the rows before the block.
    """
    if step.warmup:
        return 1
    return max(step.reach, step.lookback if step.code < do.N_TREES else 1, 1)
