"""Splits: what the broker has done to shares and the engine has not taken with a bar yet.

In: the journal; splits that reconciliation found, splits that bars told of. Out: by how much a level of the
engine's account is to be divided now.

The broker splits shares at the open, the engine with the bar that is over hours later. Between the two the
account's levels are in old shares. The ratio is written down when the split is found: it cannot be read off
the shares later, since fractions are paid in cash and protection may have sold some meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from live.payloads import instant_of
from live.schema import INSERT

if TYPE_CHECKING:
    from live.journal import Journal, Write

__all__ = ["Split", "Splits"]

ONE: Final = Decimal(1)
# The broker's ratio and the bar's are of the same small whole numbers; one for three has no last digit.
_NEAR: Final = Decimal("0.0001")
# A split that the engine took before reconciliation found it: a bar of this position that no row tells of.
_TAKEN = """SELECT bar, split FROM bars WHERE symbol = ?1 AND split <> 1
    AND bar > coalesce((SELECT max(bar) FROM fills WHERE symbol = ?1 AND reason = 'entry'),
                       (SELECT max(bar) FROM executions WHERE symbol = ?1), -1)
    AND bar NOT IN (SELECT bar FROM splits WHERE symbol = ?1 AND bar IS NOT NULL)
    ORDER BY bar DESC LIMIT 1"""


def _same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= _NEAR * other


@dataclass(frozen=True, slots=True)
class Split:
    """One split of shares that were held.

    Attributes
    ----------
    at : datetime
        UTC; when it was found at the broker.
    symbol : str
    ratio : Decimal
        Shares that one share became.
    taken : Decimal
        As much of it as the engine's bars have told of: those of several days are found as one.
    bar : int or None
        The bar that the last of that came with.
    """

    at: datetime
    symbol: str
    ratio: Decimal
    taken: Decimal = ONE
    bar: int | None = None

    @property
    def left(self) -> Decimal:
        """What the engine has yet to take; 1: nothing."""
        return ONE if _same(self.taken, self.ratio) else self.ratio / self.taken


class Splits:
    """All that were found while shares were held, oldest first.

    Parameters
    ----------
    rows : iterable of Split
    """

    def __init__(self, rows: Iterable[Split] = ()) -> None:
        self._rows = list(rows)

    @classmethod
    def of(cls, journal: Journal) -> Splits:
        """Read them from a journal."""
        rows = journal.rows("SELECT at, symbol, ratio, taken, bar FROM splits ORDER BY seq")
        return cls(Split(_instant(at), s, Decimal(r), Decimal(t), bar) for at, s, r, t, bar in rows)

    def left(self, symbol: str) -> Decimal:
        """Return by what the engine's levels and mark of a symbol are to be divided; 1: they are right."""
        found = ONE
        for split in self._rows:
            if split.symbol == symbol:
                found *= split.left
        return found

    def since(self, symbol: str, instant: datetime) -> bool:
        """Say whether a symbol's shares were split after an instant."""
        return any(split.symbol == symbol and split.at > instant for split in self._rows)

    # --- found at the broker -------------------------------------------------------------------

    def found(self, journal: Journal, ratios: Mapping[str, Decimal], at: datetime) -> list[Split]:
        """Return splits that reconciliation found, as they are to be written."""
        return [self._found(journal, symbol, ratio, at) for symbol, ratio in sorted(ratios.items())]

    @staticmethod
    def _found(journal: Journal, symbol: str, ratio: Decimal, at: datetime) -> Split:
        for bar, told in journal.rows(_TAKEN, symbol):
            if _same(Decimal(str(told)), ratio):
                return Split(at, symbol, ratio, ratio, bar)
        return Split(at, symbol, ratio)

    def writing(self, new: Sequence[Split]) -> Write:
        """Return what writes them; `stand` follows once it is on the disk."""
        first = len(self._rows) + 1
        rows = [(first + n, *_row(split)) for n, split in enumerate(new)]
        return lambda db: db.executemany(INSERT["splits"], rows)

    def stand(self, new: Iterable[Split]) -> None:
        """Remember what `writing` has written."""
        self._rows += new

    # --- taken by the engine -------------------------------------------------------------------

    def taking(self, bar: int, told: Mapping[str, float]) -> Write:
        """Take note of the splits that a bar told of; return what writes that down.

        Parameters
        ----------
        bar : int
        told : mapping of str to float
            Shares that one share became, by symbol.
        """
        changed: list[tuple[str, int, int]] = []
        for symbol, ratio in sorted(told.items()):
            n = next((n for n, s in enumerate(self._rows) if s.symbol == symbol and s.left != ONE), None)
            if n is not None:
                split = self._rows[n]
                exact = Decimal(str(ratio))
                taken = split.ratio if _same(exact, split.left) else split.taken * exact
                self._rows[n] = replace(split, taken=taken, bar=bar)
                changed.append((str(taken), bar, n + 1))

        def write(db: sqlite3.Connection) -> object:
            return db.executemany("UPDATE splits SET taken = ?, bar = ? WHERE seq = ?", changed)

        return write


def _row(split: Split) -> tuple[str, str, str, str, int | None]:
    at = split.at.astimezone(UTC).isoformat()
    return at, split.symbol, str(split.ratio), str(split.taken), split.bar


def _instant(text: str) -> datetime:
    found = instant_of(text)
    assert found is not None, text  # `_row` wrote it
    return found
