"""What a reconciliation found, and what becomes of each difference.

In: nothing. Out: the records that `live.reconcile` fills and its caller acts upon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from live.holdings import FLAT, Holding
from live.order_states import IN_DOUBT, Execution, Tracked

__all__ = ["Act", "Finding", "Kind", "Policy", "Reconciled"]


class Act(StrEnum):
    """What becomes of a difference."""

    NOTE = "note"  # told, nothing else
    APPLY = "apply"  # the broker's word is taken over, as it must be
    ADOPT = "adopt"  # taken over although nobody here knows why
    ASK = "ask"  # read again, by the order's id if there is one
    LOCK = "lock"  # nothing is sent of this symbol
    FLATTEN = "flatten"
    HALT = "halt"  # nothing is sent at all until somebody has looked


class Kind(StrEnum):
    """What differs."""

    ORDER_MOVED = "order moved"
    MISSED_FILL = "missed fill"
    STRAY_ORDER = "stray order"
    FOREIGN_ORDER = "foreign order"
    MISSING_ORDER = "missing order"
    OTHER_ORDER = "other order"
    OVERFILLED = "overfilled"
    CONTRADICTION = "contradiction"
    UNREADABLE = "unreadable"
    SPLIT = "split"
    QUANTITY = "quantity"
    AVERAGE = "average"
    FOREIGN_POSITION = "foreign position"


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of what nobody here can explain.

    Attributes
    ----------
    drift : Act
        Of a position of ours that differs: ADOPT, FLATTEN or HALT.
    foreign : Act
        Of somebody else's orders and of positions in symbols that are not ours: NOTE or HALT.
    """

    drift: Act = Act.HALT
    foreign: Act = Act.NOTE


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference."""

    kind: Kind
    act: Act
    symbol: str
    client_id: str
    text: str


@dataclass
class Reconciled:
    """Orders and holdings after it, what was executed meanwhile, and what was found.

    Attributes
    ----------
    orders : dict
        By client id.
    holdings : dict
        By symbol; a symbol of which nothing is held is not there.
    executions : list of (str, Execution)
        By client id, in the order of the broker's list.
    findings : list of Finding
    splits : dict
        Shares that one share became, by symbol, where that explains what is held.
    apart : dict
        Shares held by what orders have told and shares at the broker, by symbol, where the two differ.
    """

    orders: dict[str, Tracked]
    holdings: dict[str, Holding]
    executions: list[tuple[str, Execution]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    splits: dict[str, Decimal] = field(default_factory=dict)
    apart: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)

    def _with(self, act: Act) -> list[Finding]:
        return [f for f in self.findings if f.act is act]

    @property
    def halted(self) -> bool:
        """Whether nothing may be sent until somebody has looked."""
        return bool(self._with(Act.HALT))

    @property
    def ask(self) -> set[str]:
        """Client ids to ask for, "" among them if all must be read again."""
        return {f.client_id for f in self._with(Act.ASK)}

    @property
    def locked(self) -> set[str]:
        """Symbols of which nothing may be sent now."""
        doubt = {o.symbol for o in self.orders.values() if o.state in IN_DOUBT}
        held_up = {f.symbol for f in self._with(Act.LOCK) + self._with(Act.ASK)}
        return (doubt | held_up) - {""}

    @property
    def flatten(self) -> dict[str, Decimal]:
        """Shares to trade, signed, that close what is to be closed."""
        held = {f.symbol: self.held(f.symbol) for f in self._with(Act.FLATTEN)}
        return {symbol: -quantity for symbol, quantity in held.items() if quantity != 0}

    def held(self, symbol: str) -> Decimal:
        """Return the shares held of a symbol, signed."""
        return self.holdings.get(symbol, FLAT).quantity

    def tell(self, kind: Kind, act: Act, symbol: str, client_id: str, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, act, symbol, client_id, text))
