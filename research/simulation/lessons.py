"""Model strategies in a sweep: which cells learn the same lesson, and what their models then say.

What a model says depends on bars, learning settings and execution, which all cells share, and on the trades
that it learns from: the strategy's candidates. Most parameters act after the model (thresholds, sizes), so
many cells hear the same words.

1. Per symbol, the candidates of the cells are compared to the bit, in those rows that shadow trades read.
   Cells with equal ones share a *lesson*; nobody writes down which parameters matter.
2. Before a chunk runs, each lesson that its cells need and nobody has learned yet is learned, by the engine
   of the first such cell, over all of the symbol's own bars: a lane's words are those of a backtest
   of that symbol alone.
3. What was said, (Q, T), is read by the strategy's signals as it is in a backtest.

A lesson is learned once and its words are kept: 6 numbers a bar.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from research.data import Panel
from research.engine import UnifiedTradingEngine
from research.errors import BudgetError, OnepathError
from research.features.catalogue import feature
from research.features.matrix import FeatureStream
from research.kernels import signals as sg
from research.kernels.belief import N_PREDICTIONS
from research.learning.spoken import Spoken
from research.request import Request
from research.simulation.grid import Grid
from research.simulation.lanes import Lane, Words

if TYPE_CHECKING:
    from research.learning.settings import LearningSettings

__all__ = ["Lessons", "lessons_of", "model_notes"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# Rows of the candidates that shadow trades read: what a strategy chose, and how it is protected.
_CHOSEN = [sg.ENTRY, sg.EXIT]
_PROTECTED = [sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]


@dataclass(frozen=True, eq=False)
class Lessons:
    """The lessons of a sweep, and the words of those that have been learned.

    Attributes
    ----------
    request : Request
        Its learning settings, cores and execution.
    grid : Grid
    of_cell : dict of str to (C,) int64
        By symbol: the lesson of each cell.
    first : dict of str to (L,) int64
        By symbol: the first cell of each lesson.
    keys : dict of str to list of bytes
        By symbol: the hash of each lesson's candidates, the same in whichever grid it is met.
    """

    request: Request
    grid: Grid
    of_cell: dict[str, I64]
    first: dict[str, I64]
    keys: dict[str, list[bytes]] = field(repr=False)
    _words: dict[tuple[str, bytes], Words] = field(default_factory=dict, repr=False)
    _failed: dict[tuple[str, bytes], OnepathError] = field(default_factory=dict, repr=False)
    _said: Counter[str] = field(default_factory=Counter, repr=False)

    def __len__(self) -> int:
        return sum(map(len, self.first.values()))

    @property
    def learned(self) -> int:
        """How many learners have been fitted so far."""
        return len(self._words)

    @property
    def settings(self) -> LearningSettings:
        """How the models learn."""
        from research.learning.settings import LearningSettings

        # Importances are for reports; they change no word.
        return replace(self.request.learning or LearningSettings(), importance=False)

    def of(self, grid: Grid, lanes: Sequence[Lane], reads: Sequence[tuple[str, ...]]) -> Lessons:
        """Return the lessons of another grid; what has been learned is learned for it too."""
        # A strategy's own choice and its protection do not depend on each other's parameters (see
        # `Strategy`), so the distinct ways of either are compared, not all their combinations.
        protection = set(list(self.request.rule().parameters)[sg.P_ALLOW_SHORT + 1 : sg.N_SHARED])
        protects = np.array([name in protection for name in grid.names], dtype=np.bool_)
        (ways, first_way), (choices, first_choice) = (
            _numbered((row.tobytes(), read) for row, read in zip(grid.cells[:, part], reads, strict=True))
            for part in (protects, ~protects)
        )
        of_cell, first, keys = {}, {}, {}
        for lane in lanes:
            by_way = _digests(self.request, grid, lane, reads, first_way, _PROTECTED)
            by_choice = _digests(self.request, grid, lane, reads, first_choice, _CHOSEN)
            pairs = [by_way[w] + by_choice[c] for w, c in zip(ways.tolist(), choices.tolist(), strict=True)]
            of_cell[lane.symbol], first[lane.symbol] = _numbered(pairs)
            keys[lane.symbol] = [pairs[cell] for cell in first[lane.symbol]]
        return replace(self, grid=grid, of_cell=of_cell, first=first, keys=keys)

    def bytes_for(self, n_bars: int) -> int:
        """Return the memory that the words of all lessons take over so many bars."""
        return 8 * N_PREDICTIONS * n_bars * len(self)

    def teach(self, lane: Lane, cells: I64, told: Callable[[float], None] | None = None) -> None:
        """Learn what these cells need and nobody has learned yet.

        Parameters
        ----------
        lane : Lane
        cells : (C,) int64
        told : callable, optional
            Told the share that is learned, 0 to 1.
        """
        symbol = lane.symbol
        asked = [(n, (symbol, self.keys[symbol][n])) for n in np.unique(self.of_cell[symbol][cells]).tolist()]
        new = [(n, key) for n, key in asked if key not in self._words and key not in self._failed]
        for done, (lesson, key) in enumerate(new):
            on_bars = None if told is None else _share(told, done, len(new), len(lane.panel))
            try:
                spoken = self._learn(lane, int(self.first[symbol][lesson]), on_bars)
            except OnepathError as failure:  # of this lesson's cells alone; they are told when they ask
                self._failed[key] = failure
                continue
            begin = len(lane.panel) - len(lane)
            self._said.update(f"{symbol}: {note}" for note in model_notes(spoken, lane.panel, begin))
            said = np.ascontiguousarray(spoken.predictions[:, 0, begin:])
            self._words[key] = Words(lane.bar_close, said)

    def words(self, lane: Lane, cells: I64) -> list[Words]:
        """Return what each cell's model says; equal ones are one object.

        Raises
        ------
        OnepathError
            A model could not be fitted; as the backtest of that cell would say.
        """
        self.teach(lane, cells)
        keys = [(lane.symbol, key) for key in self.keys[lane.symbol]]
        lessons = self.of_cell[lane.symbol][cells].tolist()
        for lesson in lessons:
            if (failure := self._failed.get(keys[lesson])) is not None:
                raise failure
        return [self._words[keys[lesson]] for lesson in lessons]

    def _learn(self, lane: Lane, cell: int, on_bars: Callable[[int], None] | None) -> Spoken:
        asked = self.request
        own = replace(asked, symbols=[lane.symbol], params=self.grid.params(cell))
        warmup = max(feature(name).lookback for name in asked.rule().features(own.resolve(1)))
        own.require_labels(lane.panel, warmup, len(lane.panel) - len(lane))
        engine = UnifiedTradingEngine(
            asked.strategy,
            asked.initial_capital,
            symbols=[lane.symbol],
            params={**lane.base, **own.params},
            execution=asked.execution,
            learning=self.settings,
            jobs=asked.cores,
            on_bars=on_bars,
        )
        spoken = engine.advance(lane.panel).spoken
        assert spoken is not None, "a strategy with a model has a learner"
        return spoken

    def teachers(self) -> list[str]:
        """Return the varied parameters that change what is learned: alone, they lead to another lesson."""
        found = []
        for p, name in enumerate(self.grid.names):
            others, _ = _numbered(row.tobytes() for row in np.delete(self.grid.cells, p, axis=1))
            pairs = (np.stack((others, lesson)) for lesson in self.of_cell.values())
            if any(np.unique(pair, axis=1).shape[1] > others.max() + 1 for pair in pairs):
                found.append(name)
        return found

    def notes(self) -> list[str]:
        """Say what was learned, and what the models met."""
        why = f" and each distinct {', '.join(names)}" if (names := self.teachers()) else ""
        count = f"{self.learned}" if self.learned == len(self) else f"{self.learned} of {len(self)}"
        were = "learner was" if count == "1" else "learners were"
        notes = [f"{count} {were} fitted: one per symbol{why}; the rest acts after the model"]
        return notes + [note + (f" ({n} learners)" if n > 1 else "") for note, n in self._said.items()]


def lessons_of(
    request: Request,
    grid: Grid,
    lanes: Sequence[Lane],
    reads: Sequence[tuple[str, ...]],
    most: int,
) -> Lessons | None:
    """Find which cells of a sweep learn the same; None for a strategy without a model.

    Parameters
    ----------
    request : Request
    grid : Grid
    lanes : sequence of Lane
    reads : sequence of tuple of str
        The features that each cell reads; empty where they cannot be told.
    most : int
        Learners that may be fitted.

    Raises
    ------
    BudgetError
        More are needed; the parameters at fault are named.
    """
    if request.rule().model is None:
        return None
    lessons = Lessons(request, grid, {}, {}, {}).of(grid, lanes, reads)
    if len(lessons) > most:
        names = ", ".join(f"`{name}`" for name in lessons.teachers()) or "symbols"
        raise BudgetError(
            f"this grid needs {len(lessons)} learners for {len(lanes)} symbols, as {names} change the trades "
            f"that are learned from, and `max_learners` was {most}; vary fewer of them, or raise it"
        )
    return lessons


def _digests(
    request: Request, grid: Grid, lane: Lane, reads: Sequence[tuple[str, ...]], cells: I64, rows: list[int]
) -> list[bytes]:
    """Return a hash of some rows of the candidates of some cells; a cell that reads nothing has none."""
    rule = request.rule()
    asked = list(dict.fromkeys(name for cell in cells for name in reads[cell]))
    known = dict(zip(asked, FeatureStream([lane.symbol], asked).advance(lane.panel)[:, 0], strict=True))
    found = []
    for cell in cells.tolist():
        candidates = np.empty(0)
        if reads[cell]:
            features = np.stack([known[name] for name in reads[cell]])
            candidates = rule.candidates(features, {**lane.base, **grid.params(cell)})[rows]
        found.append(hashlib.blake2b(candidates.tobytes(), digest_size=16).digest())
    return found


def model_notes(spoken: Spoken | None, panel: Panel, begin: int) -> tuple[str, ...]:
    """Say when the model of a run that trades from bar `begin` on began to speak, and what failed."""
    if spoken is None:
        return ()
    spoke = [t for t, model in enumerate(spoken.models) if model]
    if not spoke:
        return (f"no model was ever fitted: {spoken.lacks}",)
    notes = [f"{h.bar_close!s:.10}: {h.text}" for h in spoken.happenings if h.kind in {"dropped", "skipped"}]
    if spoke[0] > begin:
        notes.append(f"no model before {panel.bar_close[spoke[0]]!s:.10}: too few labels had settled")
    return tuple(notes)


def _numbered(keys: Iterable[Hashable]) -> tuple[I64, I64]:
    """Return the number of each key, distinct ones counted as they appear, and where each is first."""
    found: dict[Hashable, int] = {}
    first: list[int] = []
    numbers = []
    for i, key in enumerate(keys):
        if key not in found:
            found[key] = len(found)
            first.append(i)
        numbers.append(found[key])
    return np.array(numbers, dtype=np.int64), np.array(first, dtype=np.int64)


def _share(told: Callable[[float], None], done: int, count: int, n_bars: int) -> Callable[[int], None]:
    """Return a function that is told bars and tells the share of all lessons."""
    gone = 0

    def bars(more: int) -> None:
        nonlocal gone
        gone += more
        told((done + gone / n_bars) / count)

    return bars
