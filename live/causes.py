"""Why a journal's decisions may differ from recomputed ones: the facts that differ, before any is blamed.

In: what a journal holds, the bars there are now, the settings asked for. Out: a `Cause` for each fact that
differs, in the order in which they begin to act. `live.whatif` finds which decisions each one explains.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from live.continuation import digest_of
from live.history import Known
from live.journalled import Journalled, Setup
from live.rows import text_of
from research.data.sessions import session_closes

__all__ = [
    "Cause",
    "Kind",
    "bars_not_the_same",
    "model_not_the_same",
    "sessions_without",
    "settings_not_the_same",
    "warmup_not_the_same",
]

Cell = tuple[int, int]
_DAY = np.timedelta64(1, "D")


class Kind(StrEnum):
    """What kind of fact differs."""

    PARAMETERS = "other parameters"
    MODEL = "other model"
    WARMUP = "missing warm-up"
    CALENDAR = "calendar"
    REVISED = "revised bar"
    FILL = "fill"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Cause:
    """A fact that differs.

    Attributes
    ----------
    kind : Kind
    since : datetime64 or None
        The close from which it can act; None: from the first.
    symbol : str
        "" for all.
    text : str
        What differs, the journal's side first.
    cells : frozenset of (row, column)
        Bars that it is about, on the grid of `Known`.
    replaceable : bool
        Whether the journal's side is known, so that a run with it can be made.
    """

    kind: Kind
    since: np.datetime64 | None
    symbol: str
    text: str
    cells: frozenset[Cell] = field(default=frozenset(), repr=False)
    replaceable: bool = True


def settings_not_the_same(ran: Setup, asked: Setup) -> list[Cause]:
    """Return the settings that differ, as one cause."""
    was, now = (json.loads(json.dumps(setup.facts())) for setup in (ran, asked))
    told = [f"{n} {was.get(n)}, asked {now.get(n)}" for n in {**was, **now} if was.get(n) != now.get(n)]
    return [Cause(Kind.PARAMETERS, None, "", "; ".join(told))] if told else []


def model_not_the_same(journal: Journalled, trained: str | None) -> list[Cause]:
    """Return whether another trained model is given than the journal began with."""
    if journal.trained == trained:
        return []
    was, now = (f"trained to {last[:10]}" if last else "none" for last in (journal.trained, trained))
    text = f"the journal began with a model {was}, given is {now}".replace("a model none", "no model")
    return [Cause(Kind.MODEL, None, "", text, replaceable=journal.trained is None)]


def warmup_not_the_same(journal: Journalled, known: Known) -> list[Cause]:
    """Return whether the run began after other bars than those there are before it now."""
    there, had = len(known.before), journal.first
    if there == had and digest_of(known.before) == journal.warmup_sha256:
        if np.all(known.anchor == 1.0):
            return []
        text = f"dividends in the {had} bars before the span were restated since"
        return [Cause(Kind.WARMUP, None, "", text, replaceable=False)]
    if known.tail is not None:
        return [Cause(Kind.WARMUP, None, "", f"the run began after {had} bars, {there} are there now")]
    same = "other ones" if there == had else f"{there} others are given now"
    text = f"the run began after {had} bars (SHA-256 {journal.warmup_sha256[:12]}), {same}"
    return [Cause(Kind.WARMUP, None, "", text, replaceable=False)]


def bars_not_the_same(known: Known) -> list[Cause]:
    """Return bars that differ, and bars that only one side has, by their instants."""
    found = []
    for t, k in np.argwhere(known.revised).tolist():
        found.append(
            Cause(Kind.REVISED, known.instants[t], known.symbols[k], known.change(t, k), frozenset({(t, k)}))
        )
    return sorted(found + _calendar(known), key=_begins)


def _calendar(known: Known) -> list[Cause]:
    """Return bars that only one side has; those of one instant are one cause, a moved close too."""
    groups: dict[tuple[int, int], list[Cell]] = {}
    lacks, extra = known.covered & known.there & ~known.journal_there, known.covered & known.extra
    steps = np.diff(known.instants[known.there.any(axis=1)]).astype(np.int64)
    near = int(np.median(steps)) // 2 if steps.size else 0
    at = known.instants.astype(np.int64)
    for k in range(len(known.symbols)):
        mine, its = np.flatnonzero(extra[:, k]).tolist(), np.flatnonzero(lacks[:, k]).tolist()
        for t in mine:
            pair = next((u for u in its if abs(at[u] - at[t]) <= near), None)
            if pair is not None:
                its.remove(pair)
                groups.setdefault((t, pair), []).extend([(t, k), (pair, k)])
            else:
                groups.setdefault((t, -1), []).append((t, k))
        for u in its:
            groups.setdefault((-1, u), []).append((u, k))
    found = []
    for (t, u), cells in groups.items():
        names = ", ".join(dict.fromkeys(known.symbols[k] for _, k in cells))
        mine_at, its_at = (text_of(known.instants[i]) if i >= 0 else "" for i in (t, u))
        if t < 0:
            text = f"the journal has no bar of {its_at}"
        elif u < 0:
            text = f"the journal has a bar of {mine_at} that is not there now"
        else:
            text = f"the journal's bar closed at {mine_at}, it closes at {its_at} now"
        since = known.instants[min(i for i in (t, u) if i >= 0)]
        found.append(Cause(Kind.CALENDAR, since, names, text, frozenset(cells)))
    return found


def sessions_without(instants: NDArray[np.datetime64], exchange: str | None) -> list[Cause]:
    """Return what the exchange's calendar says against daily bars that no other bars are held against."""
    if exchange is None or len(instants) < 3 or np.median(np.diff(instants)) < np.timedelta64(20, "h"):
        return []
    first, last = instants[0], instants[-1]
    days = np.arange(first.astype("datetime64[D]"), last.astype("datetime64[D]") + _DAY)
    closes = session_closes(days, exchange)
    closes = closes[~np.isnat(closes) & (closes >= first) & (closes <= last)]
    text = {
        "the journal has no bar of the session that closed at {}": np.setdiff1d(closes, instants),
        "the journal has a bar of {} when no session closed": np.setdiff1d(instants, closes),
    }
    found = [
        Cause(Kind.CALENDAR, at, "", words.format(text_of(at)), replaceable=False)
        for words, which in text.items()
        for at in which
    ]
    return sorted(found, key=_begins)


def _begins(cause: Cause) -> tuple[np.datetime64, bool, str]:
    assert cause.since is not None
    return cause.since, cause.kind is Kind.REVISED, cause.symbol
