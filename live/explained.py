"""A journal explained: every difference between what it decided and the backtest, and its one cause.

In: a journal, bars, and what the backtest is to be set up with. Out: an `Explained`.

1. Facts that differ are gathered (`live.causes`, `live.followed`): settings, model, warm-up, calendar, bars,
   fills. None is blamed yet.
2. With all of them replaced by the journal's side nothing should differ. What does has a cause that no fact
   tells: another model, where only what a model said differs; else it is called unexplained.
3. Each difference gets the cause whose replacement ends it (`live.whatif`), its reading and its account
   apart. What comes of a cause later is counted under it; a further cause is found all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from live.causes import (
    Cause,
    Kind,
    bars_not_the_same,
    model_not_the_same,
    sessions_without,
    settings_not_the_same,
    warmup_not_the_same,
)
from live.compared import DONE, READ, Differing, differences, differing
from live.followed import follow
from live.history import Known, known_bars
from live.journalled import Journalled, Setup
from live.rows import text_of
from live.whatif import WhatIf
from research.kernels.jit import kernel_hash
from research.saved import Saved

__all__ = ["Explained", "Found", "explain"]

_ORDER = {Kind.CALENDAR: 0, Kind.REVISED: 0, Kind.MODEL: 1, Kind.UNEXPLAINED: 1, Kind.FILL: 2}
_ALWAYS = np.datetime64("0001-01-01", "us")


@dataclass(frozen=True)
class Found:
    """A cause and what came of it.

    Attributes
    ----------
    cause : Cause
    decisions : int
        That differ because of it.
    first : datetime64 or None
        The first close at which one does.
    symbols : tuple of str
        Of those decisions.
    """

    cause: Cause
    decisions: int
    first: np.datetime64 | None
    symbols: tuple[str, ...]


@dataclass(frozen=True)
class Explained:
    """Every difference of a journal from the backtest.

    Attributes
    ----------
    decisions : int
        That were compared.
    different : int
        That differ.
    found : tuple of Found
        Causes, in the order in which they begin to act; some may have changed no decision.
    table : DataFrame
        bar_close, symbol, field, journal, recomputed (text, exact), cause, since, text, number (of the
        cause, from 1), first (whether the cause shows here first): a row per value that differs.
    notes : tuple of str
        What the comparison does not say by itself.
    runs : int
        Runs of an engine that it took.
    """

    decisions: int
    different: int
    found: tuple[Found, ...]
    table: pl.DataFrame
    notes: tuple[str, ...]
    runs: int

    @property
    def kinds(self) -> set[Kind]:
        """Kinds of causes that changed a decision."""
        return {found.cause.kind for found in self.found if found.decisions}


def explain(
    journal: Journalled,
    bars: pl.DataFrame,
    asked: Setup | None = None,
    trained: Saved | None = None,
    *,
    exchange: str | None = "XNYS",
    jobs: int = 1,
) -> Explained:
    """Hold a journal against the backtest and say why they differ.

    Parameters
    ----------
    journal : Journalled
    bars : DataFrame
        A bar table: of the time before the journal's span, and of any part of the span.
    asked : Setup, optional
        What the backtest is set up with; default: the journal's settings.
    trained : Saved, optional
        A model that it begins with.
    exchange : str, optional
        Whose sessions daily bars follow; asked only where no other bars are given of a journal's.
    jobs : int
        Cores for fits and predictions; does not change a bit.
    """
    asked = asked or journal.asked
    known = known_bars(journal, bars, trained)
    followed = follow(journal)
    before = model_not_the_same(journal, None if trained is None else str(trained.facts["last_bar"]))
    causes = [
        *settings_not_the_same(journal.ran, asked),
        *(before or warmup_not_the_same(journal, known)),
        *bars_not_the_same(known),
        *followed.causes,
    ]
    what_if = WhatIf(journal, known, asked, trained, followed, jobs)
    untold = what_if.differs(()).any() and what_if.differs(_chain(causes)).any()
    if untold:
        causes += _untold(journal, known, what_if, _chain(causes))
    chain = _chain(causes)
    whole = differing(what_if.mine, what_if.decided(()))
    labels = np.full(whole.shape, -1)
    labels[DONE] = what_if.labels(chain, DONE)
    upstream = [c for c in chain if c.kind is not Kind.FILL]
    read = what_if.labels(upstream, READ)
    places = np.array([chain.index(c) for c in upstream] or [0])
    labels[READ] = np.where(read >= 0, places[np.maximum(read, 0)], read)
    chain, labels = _broken(journal, chain, labels, what_if)
    rows = differences(what_if.mine, what_if.decided(()))
    if not (known.covered.any() or len(known.before) == 0) or not known.covered.all():
        chain += [] if known.covered.any() else sessions_without(journal.panel.bar_close, exchange)
    return Explained(
        decisions=int((what_if.mine.there | what_if.decided(()).there).sum()),
        different=int(whole.any(axis=0).sum()),
        found=tuple(_found(chain, labels, known)),
        table=_table(rows, chain, labels, known),
        notes=tuple(_notes(journal, known)),
        runs=what_if.runs,
    )


def _chain(causes: Sequence[Cause]) -> list[Cause]:
    """Return causes in the order in which they begin to act."""
    return sorted(
        causes, key=lambda c: (_ALWAYS if c.since is None else c.since, _ORDER.get(c.kind, -1), c.symbol)
    )


def _untold(journal: Journalled, known: Known, what_if: WhatIf, chain: Sequence[Cause]) -> list[Cause]:
    """Return causes of what differs though every fact is the journal's."""
    if any(not cause.replaceable for cause in chain):
        return []
    best = what_if.decided(chain)
    own = {*what_if.strategy.features(journal.ran.params)}
    spoken: list[int] = []
    broken: dict[int, list[int]] = {}
    for one in differences(what_if.mine, best):
        if one.part == READ:
            said = what_if.strategy.model is not None and (one.field == "model" or one.field in best.scores)
            if said and one.field not in own:
                spoken.append(one.row)
            elif not spoken or one.field in own or one.field == "decision":
                broken.setdefault(one.column, []).append(one.row)
    found = []
    if spoken:
        t = min(spoken)
        ids = [sorted({*d.texts["model"][t]} - {""}) for d in (what_if.mine, best)]
        mine, its = (ids_of[0] if ids_of else "none" for ids_of in ids)
        text = f"model {mine} spoke, recomputed is {its}"
        text += " (of the same name, saying something else)" if mine == its else ""
        found.append(Cause(Kind.MODEL, known.instants[t], "", text, replaceable=False))
    for k, at in broken.items():
        for rows in np.split(np.unique(at), np.flatnonzero(np.diff(np.unique(at)) > 1) + 1):
            cells = frozenset((int(t), k) for t in rows)
            text = "what was read or wanted does not follow from its bars and settings" + _made_by(journal)
            found.append(
                Cause(
                    Kind.UNEXPLAINED,
                    known.instants[rows[0]],
                    known.symbols[k],
                    text,
                    cells,
                    replaceable=False,
                )
            )
    return found


def _broken(
    journal: Journalled, chain: list[Cause], labels: NDArray[np.int64], what_if: WhatIf
) -> tuple[list[Cause], NDArray[np.int64]]:
    """Give what no cause ends one of its own: a decision that its own signals and fills do not give."""
    labels = labels.copy()
    for k in range(labels.shape[2]):
        rows = np.flatnonzero((labels[:, :, k] == -2).any(axis=0))
        for part in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if rows.size else ():
            text = "the decision does not follow from its signals and fills" + _made_by(journal)
            since, symbol = what_if.known.instants[part[0]], what_if.known.symbols[k]
            chain = [*chain, Cause(Kind.UNEXPLAINED, since, symbol, text, replaceable=False)]
            cells = labels[:, part, k]
            labels[:, part, k] = np.where(cells == -2, len(chain) - 1, cells)
    return chain, labels


def _made_by(journal: Journalled) -> str:
    now = kernel_hash()
    return "" if journal.kernels == now else f"; kernels {journal.kernels} made it, these are {now}"


def _found(chain: Sequence[Cause], labels: NDArray[np.int64], known: Known) -> list[Found]:
    found = []
    for i, cause in enumerate(chain):
        cells = (labels == i).any(axis=0)
        rows = np.flatnonzero(cells.any(axis=1))
        symbols = tuple(known.symbols[k] for k in np.flatnonzero(cells.any(axis=0)))
        first = known.instants[rows[0]] if rows.size else None
        found.append(Found(cause, int(cells.sum()), first, symbols))
    return found


def _table(
    rows: Sequence[Differing], chain: Sequence[Cause], labels: NDArray[np.int64], known: Known
) -> pl.DataFrame:
    """Return every value that differs as a row."""
    seen: set[int] = set()
    out = []
    for one in rows:
        i = int(labels[one.part, one.row, one.column])
        cause = chain[i]
        out.append(
            (
                text_of(known.instants[one.row]), known.symbols[one.column], one.field, _exact(one.journal),
                _exact(one.recomputed), str(cause.kind),
                None if cause.since is None else text_of(cause.since), cause.text, i + 1, i not in seen,
            )
        )  # fmt: skip
        seen.add(i)
    text = pl.String
    schema = {
        "bar_close": text, "symbol": text, "field": text, "journal": text, "recomputed": text, "cause": text,
        "since": text, "text": text, "number": pl.Int64, "first": pl.Boolean,
    }  # fmt: skip
    return pl.DataFrame(out, schema=schema, orient="row").with_columns(
        pl.col("bar_close", "since").str.to_datetime("%+", time_unit="us", time_zone="UTC")
    )


def _exact(value: float | str | None) -> str | None:
    return value if value is None or isinstance(value, str) else repr(value)


def _notes(journal: Journalled, known: Known) -> list[str]:
    notes = []
    uncovered = int((~known.covered.any(axis=1)).sum())
    if uncovered == len(known.instants):
        notes.append(
            "the journal's own bars were taken, none of its span were given; with --bars, those of now would "
            "show what was revised since"
        )
    elif uncovered:
        notes.append(
            f"the bars given do not reach {uncovered} of the journal's {len(journal.panel)} instants; "
            "its own are taken there"
        )
    if journal.corrected:
        notes.append(
            f"bars corrected after they were decided on: {journal.corrected} (events); the vendor's bars of "
            "now, with --bars, show what they would have changed"
        )
    return notes
