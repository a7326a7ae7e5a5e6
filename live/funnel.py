"""The veto funnel: how many decisions each gate stopped, from the first look to the fill.

In: a journal. Out: counts, and the line that names the gate to blame when nothing
is traded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from live.orders import OPEN, Status, gate_of, is_blocked

__all__ = ["Funnel", "Rows", "funnel"]


class Rows(Protocol):
    """Whatever answers questions about a journal: itself, or who only reads it."""

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        ...


_GATES = """
    SELECT CASE WHEN intent_reason = 'entry' THEN 'entry' WHEN gate <> '' THEN gate ELSE 'no entry wanted' END
           AS at, count(*) FROM decisions GROUP BY at ORDER BY count(*) DESC, at
"""
_ENTRIES = "SELECT status, note FROM orders WHERE leg = 'entry'"


@dataclass(frozen=True)
class Funnel:
    """Where decisions ended.

    Attributes
    ----------
    decisions : int
        One per symbol and bar.
    blocked : dict of str to int
        By the strategy's gates and the account's, most first.
    entries : int
        Decisions that asked for an entry.
    became : dict of str to int
        What the entries became: "filled", a status, why they lapsed, or the check of the risk door that
        blocks or blocked them.
    """

    decisions: int
    blocked: dict[str, int]
    entries: int
    became: dict[str, int]

    @property
    def filled(self) -> int:
        """Entries that filled."""
        return self.became.get("filled", 0)

    @property
    def blame(self) -> str:
        """Where trades are lost, in one phrase: among entries if most of those come to nothing."""
        lost = {why: n for why, n in self.became.items() if why not in {"filled", *OPEN}}
        if sum(lost.values()) > self.filled:
            why = next(iter(lost))
            return f"of {self.entries} entries {lost[why]} end at: {why}"
        gate = next(iter(self.blocked), "")
        return f"most decisions end at: {gate}" if gate else ""

    def silence(self) -> str | None:
        """Return why nothing was traded, in one line; None if something was."""
        if self.filled or not self.decisions:
            return None
        if self.entries:
            ends = ", ".join(f"{why} {n}" for why, n in self.became.items())
            return f"no trade: none of {self.entries} entries filled ({ends})"
        gates = ", ".join(f"{name} {n}" for name, n in self.blocked.items())
        return f"no trade: none of {self.decisions} decisions asked for an entry (blocked by {gates})"


def funnel(journal: Rows) -> Funnel:
    """Count a journal's decisions by the gate at which they ended."""
    at = {str(name): int(n) for name, n in journal.rows(_GATES)}
    ends = Counter(
        gate_of(note) if status == Status.LAPSED or is_blocked(note) else str(status)
        for status, note in journal.rows(_ENTRIES)
    )
    became = dict(sorted(ends.items(), key=lambda end: (-end[1], end[0])))
    entries = at.pop("entry", 0)
    return Funnel(sum(at.values()) + entries, at, entries, became)
