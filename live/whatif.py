"""Runs with some of the facts that differ as the journal had them, and which of those end a difference.

In: a journal, the bars there are now, the settings asked for. Out: what is decided when chosen causes are
replaced by the journal's side of them, and of every difference the cause whose replacement ends it.

Causes stand in a chain, in the order in which they begin to act. Level 0 is the backtest on what there is
now; at level i the first i facts are as the journal had them: its settings, its warm-up, its bars, the
fills it booked. So at level i nothing differs before the next cause acts. A difference that is there at
level 0 and not at the last one has a level at which it ends, found by halving; that level's cause is its
label. Each run is `UnifiedTradingEngine`'s own; what only other fills ask for is one more walk of the
account over the same signals (`research.trading.trade`).

Where the journal's side of a fact is not known (another model, other bars before the span) its signals are,
and they replace what was computed, from the close on at which the cause begins.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from live.causes import Cause, Kind
from live.compared import decided_in, differing, spread
from live.followed import Followed, signals_of, teleport
from live.history import Known, joined
from live.journalled import Decided, Journalled, Setup
from research.advance import Advance
from research.engine import UnifiedTradingEngine
from research.kernels.account import new_account
from research.saved import Saved, learning_in, load_models
from research.strategies import strategy_named
from research.trading import Walk, trade

__all__ = ["WhatIf"]

F64 = NDArray[np.float64]
Cells = NDArray[np.bool_]
_KEPT = 4  # runs that are kept: halving comes back to the last ones


class WhatIf:
    """Runs with some facts replaced.

    Parameters
    ----------
    journal : Journalled
    known : Known
    asked : Setup
        What the backtest is set up with.
    trained : Saved or None
        A model that it begins with.
    followed : Followed
    jobs : int
        Cores for fits and predictions; does not change a bit.

    Attributes
    ----------
    mine : Decided
        The journal's decisions, on the grid of `known`.
    runs : int
        Runs of an engine that were made.
    """

    def __init__(
        self,
        journal: Journalled,
        known: Known,
        asked: Setup,
        trained: Saved | None,
        followed: Followed,
        jobs: int = 1,
    ) -> None:
        self.journal, self.known, self.asked, self.trained = journal, known, asked, trained
        self.followed, self.jobs = followed, jobs
        self.strategy = strategy_named(asked.strategy)
        self._rows = np.searchsorted(known.instants, journal.panel.bar_close)
        self.mine = spread(journal.decided, self._rows, len(known.instants))
        self.runs = 0
        self._advances: OrderedDict[object, tuple[Advance, NDArray[np.intp]]] = OrderedDict()
        self._differs: dict[tuple[Cause, ...], Cells] = {}

    def differs(self, flipped: Sequence[Cause]) -> Cells:
        """Return (2, T, N) bool, `live.compared.differing`, once these facts are the journal's."""
        key = tuple(flipped)
        if key not in self._differs:
            self._differs[key] = differing(self.mine, self.decided(flipped))
        return self._differs[key]

    def labels(self, chain: Sequence[Cause], part: int) -> NDArray[np.int64]:
        """Return which cause of a chain ends each difference.

        Parameters
        ----------
        chain : sequence of Cause
        part : int
            `live.compared.READ` or `DONE`.

        Returns
        -------
        (T, N) int64
            Index into the chain; −1: no difference; −2: a difference that none of them ends.
        """
        first = self.differs(())[part]
        out = np.full(first.shape, -1, dtype=np.int64)
        if first.any():
            last = self.differs(chain)[part]
            out[first & last] = -2
            self._halve(chain, part, 0, len(chain), first & ~last, out)
        return out

    def _halve(
        self, chain: Sequence[Cause], part: int, low: int, high: int, cells: Cells, out: NDArray[np.int64]
    ) -> None:
        """Label what differs at level `low` and agrees at `high`."""
        if not cells.any():
            return
        if high == low + 1:
            out[cells] = low
            return
        middle = (low + high) // 2
        differ = self.differs(chain[:middle])[part]
        self._halve(chain, part, low, middle, cells & ~differ, out)
        self._halve(chain, part, middle, high, cells & differ, out)

    def decided(self, flipped: Sequence[Cause]) -> Decided:
        """Return what is decided once these facts are the journal's."""
        kinds = frozenset(c.kind for c in flipped if c.replaceable) & {Kind.PARAMETERS, Kind.WARMUP}
        bars = (c.cells for c in flipped if c.kind in {Kind.CALENDAR, Kind.REVISED})
        cells: frozenset[tuple[int, int]] = frozenset().union(*bars)
        found = self._advances.pop((kinds, cells), None) or self._run(kinds, cells)
        self._advances[kinds, cells] = found
        while len(self._advances) > _KEPT:
            self._advances.popitem(last=False)
        advance, rows = found
        first = len(advance.panel) - len(rows)
        told = [c.since for c in flipped if c.kind is Kind.FILL and c.since is not None]
        forced = self._forced(flipped)[rows] if any(not c.replaceable for c in flipped) else None
        walk: Walk | Advance = advance
        if told or forced is not None:
            walk = self._walk(advance, kinds, sorted(told), forced, rows)
        decided = spread(decided_in(advance, walk, self.strategy, first), rows, len(self.known.instants))
        return decided if forced is None else self._read_as_journalled(decided, self._forced(flipped))

    def _setup(self, kinds: frozenset[Kind]) -> Setup:
        return self.journal.ran if Kind.PARAMETERS in kinds else self.asked

    def _run(
        self, kinds: frozenset[Kind], cells: frozenset[tuple[int, int]]
    ) -> tuple[Advance, NDArray[np.intp]]:
        """Advance an engine over the bars before the span and those of the span."""
        self.runs += 1
        setup, trained, before = self._setup(kinds), self.trained, self.known.before
        warmup = Kind.WARMUP in kinds
        if warmup and self.known.tail is not None:
            before = self.known.tail
        span, rows = self.known.panel(cells, anchored=not warmup)
        engine = UnifiedTradingEngine(
            setup.strategy, setup.capital, symbols=setup.symbols, params=setup.params,
            execution=setup.execution, trade_from=setup.trade_from,
            learning=setup.learning if trained is None else learning_in(trained.facts), jobs=self.jobs,
        )  # fmt: skip
        if trained is not None:
            load_models(engine, trained)
        return engine.advance(joined(before, span)), rows

    def _forced(self, flipped: Sequence[Cause]) -> Cells:
        """Return (T, N) bool: where the journal's own signals stand for what cannot be computed."""
        forced = np.zeros(self.mine.there.shape, dtype=bool)
        for cause in flipped:
            if not cause.replaceable and cause.cells:
                forced[tuple(np.array(sorted(cause.cells)).T)] = True
            elif not cause.replaceable:
                forced[
                    0 if cause.since is None else int(np.searchsorted(self.known.instants, cause.since)) :
                ] = True
        return forced & self.mine.there

    def _read_as_journalled(self, decided: Decided, forced: Cells) -> Decided:
        """Return decisions whose reading is the journal's where it is forced."""
        nothing = np.full(forced.shape, np.nan)

        def mixed(mine: dict[str, F64], its: dict[str, F64]) -> dict[str, F64]:
            names = dict.fromkeys((*mine, *its))
            return {n: np.where(forced, mine.get(n, nothing), its.get(n, nothing)) for n in names}

        model = np.where(forced, self.mine.texts["model"], decided.texts["model"])
        return replace(
            decided,
            scores=mixed(self.mine.scores, decided.scores),
            signal=mixed(self.mine.signal, decided.signal),
            texts={**decided.texts, "model": model},
        )

    def _walk(
        self,
        run: Advance,
        kinds: frozenset[Kind],
        told: Sequence[np.datetime64],
        forced: Cells | None,
        rows: NDArray[np.intp],
    ) -> Walk:
        """Walk an account over a run's signals, or the journal's; at the closes told it is the journal's."""
        setup, panel, signals = self._setup(kinds), run.panel, run.signals
        if forced is not None:
            wide = np.full((signals.shape[0], *self.mine.there.T.shape), np.nan)
            wide[:, :, self._rows] = signals_of(self.journal, self.strategy)
            signals = signals.copy()
            span = signals[:, :, len(panel) - len(rows) :]
            span[:, forced.T] = wide[:, :, rows][:, forced.T]
        account = new_account(len(panel.symbols), setup.capital)
        parts: list[Walk] = []

        def walk(begin: int, end: int, at: np.datetime64 | None = None) -> None:
            fill = None if at is None else partial(teleport, self.followed.states[at])
            part = np.ascontiguousarray(signals[:, :, begin:end])
            parts.append(trade(account, panel[begin:end], part, setup.execution, setup.trade_from, fill))

        done = 0
        for at in told:
            t = int(np.searchsorted(panel.bar_close, at))
            if t < len(panel) and panel.bar_close[t] == at:
                walk(done, t)
                walk(t, t + 1, at)
                done = t + 1
        walk(done, len(panel))
        gates, decided, orders, equity, cash, exposure = zip(*parts, strict=True)
        return Walk(
            np.concatenate(gates, axis=1), np.concatenate(decided, axis=1), np.concatenate(orders),
            np.concatenate(equity), np.concatenate(cash), np.concatenate(exposure),
        )  # fmt: skip
