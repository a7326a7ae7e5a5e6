"""What keeps entries back before the risk door is asked: a drift, a lock, splits that nobody knows.

In: what a look at the account found. Out: for each symbol what its entries wait for, as the door would say
it, so that an entry which lapses names its true cause; and the words of the pulse, by which `live.status` and
`live.watchdog` know of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from live.findings import Act, Finding
from live.risk import Blocked
from live.telling import UNREACHABLE
from live.vitals import HALTED, HALTING, LOCKING

if TYPE_CHECKING:
    from live.world import Picture

__all__ = ["WAITING", "kept_by", "locks_of", "phase_of", "unknown_splits"]

WAITING = "bars that are due have not come"


def kept_by(picture: Picture, phase: str, text: str) -> Blocked | None:
    """Return what keeps the entries of all symbols; None nothing, or a bar that is waited for.

    Parameters
    ----------
    picture : Picture
    phase, text : str
        That the bars, and what is known of the day, leave us in.
    """
    if picture.halted:
        return _drift(picture.findings)
    if phase != UNREACHABLE:
        return None
    return Blocked("unreachable", "bars and facts of the day must be told", text, "asked again at each look")


def locks_of(picture: Picture) -> dict[str, Blocked]:
    """Return the symbols of which nothing may be sent, each with what keeps it."""
    return {symbol: _lock(symbol, picture.findings) for symbol in sorted(picture.locked)}


def unknown_splits(problem: object) -> Blocked:
    """Return what keeps entries while nobody says which splits come with their open."""
    return Blocked("splits", "the splits of the open must be known", str(problem), "asked again at each look")


def phase_of(picture: Picture, phase: str, text: str) -> tuple[str, str]:
    """Return what the loop is about, and what it says of that.

    A halt is named before bars that are late: these come by themselves, and whoever watches must not take it
    for over meanwhile. It is not named before an outage, since unknown splits are one cause of a halt.

    Parameters
    ----------
    picture : Picture
    phase, text : str
        That the bars, and what is known of the day, leave us in.
    """
    said = [text] if text else []
    if picture.halted:
        halt = f"{HALTING}{_drift(picture.findings).value}"
        return phase if phase == UNREACHABLE else HALTED, "; ".join([halt, *said])
    locks = [
        f"{LOCKING}{symbol}: {', '.join(names)} of somebody else"
        for symbol, names in sorted(_foreign(picture.findings).items())
    ]
    return phase, "; ".join([*locks, *said])


def _drift(findings: Iterable[Finding]) -> Blocked:
    said = "; ".join(dict.fromkeys(f.text for f in findings if f.act is Act.HALT))
    return Blocked("drift", "journal and broker must agree", said, "look, then --drift adopt or flatten")


def _lock(symbol: str, findings: Iterable[Finding]) -> Blocked:
    of_symbol = [f for f in findings if f.symbol == symbol]
    if any(f.act is Act.HALT for f in of_symbol):
        return _drift(of_symbol)
    if names := _foreign(of_symbol).get(symbol):
        rule = f"{symbol} must have no order of somebody else"
        return Blocked("locked", rule, ", ".join(names), "wait for its end, or cancel it")
    rule = f"{symbol} must have nothing in doubt"
    return Blocked("locked", rule, "an order or an answer", "the broker is asked again")


def _foreign(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Return somebody else's orders that lock a symbol, by symbol."""
    orders: dict[str, list[str]] = {}
    for finding in findings:
        if finding.act is Act.LOCK:
            orders.setdefault(finding.symbol, []).append(f"order {finding.client_id}")
    return orders
