"""The kill switch: who may throw it, and what is cancelled while it is on.

In: an account's folder and limits, and the broker. Out: the latch, and what became of the open orders.

It is thrown by the command (`python -m live.kill`), by a file named KILL in the account's folder, or by the
signal SIGUSR1 to the runner. Whoever finds it thrown latches it first, which needs no network; a latched
runner sends nothing more. What the broker still holds is then cancelled, as often as it takes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from live.home import KILL_FILE
from live.limits import KILL, Limits
from live.orders import Outcome
from live.payloads import BrokerOrder
from research.errors import Unreachable

if TYPE_CHECKING:
    # Not to be waited for before the latch.
    from live.alpaca import AlpacaAccount

__all__ = [
    "Heard",
    "Swept",
    "cancel_all",
    "heard_kill",
    "is_over",
    "kill_asked",
    "latch_kill",
    "lift_file",
    "protects",
]

_OVER: Final = frozenset({"filled", "canceled", "expired", "replaced", "rejected"})
_MOST: Final = 200  # characters of the file that are kept as the reason


def kill_asked(home: Path) -> str | None:
    """Return why the file in an account's folder throws the switch; None if it is not there.

    Whatever lies under that name counts, an empty file, a folder and one that cannot be read too.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     before = kill_asked(Path(folder))
    ...     _ = (Path(folder) / "KILL").write_text("prices look wrong")
    ...     before, kill_asked(Path(folder))
    (None, 'file KILL: prices look wrong')
    """
    path = home / KILL_FILE
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        return f"file {KILL_FILE} cannot be looked for ({problem.strerror})"
    try:
        text = path.read_bytes()[: 4 * _MOST].decode("utf-8", "replace")
    except OSError as problem:
        return f"file {KILL_FILE}, which cannot be read ({problem.strerror})"
    said = " ".join(text.split())[:_MOST]
    return f"file {KILL_FILE}: {said}" if said else f"file {KILL_FILE}"


def lift_file(home: Path) -> bool:
    """Take the file away, and say whether one was there.

    Raises
    ------
    OSError
        It stays.
    """
    if kill_asked(home) is None:
        return False
    path = home / KILL_FILE
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()
    return True


@dataclass(frozen=True)
class Heard:
    """What was heard and is not latched yet: called, it says why the switch is thrown, or None.

    Attributes
    ----------
    said : list of str
        Emptied once the latch is on the disk: from there alone it is reset.
    """

    said: list[str] = field(default_factory=list)

    def __call__(self) -> str | None:
        """Return why the switch is thrown; None if it is not."""
        return self.said[0] if self.said else None


@contextmanager
def heard_kill() -> Iterator[Heard]:
    """Turn SIGUSR1 into a question to be asked at each tick.

    Only the main thread can listen to signals.
    """
    heard = Heard()
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.said.append("signal SIGUSR1"))
    try:
        yield heard
    finally:
        signal.signal(signal.SIGUSR1, before)


def latch_kill(limits: Limits, why: str, now: datetime) -> bool:
    """Latch the kill switch, and say whether it was off before; what was said first stays.

    Raises
    ------
    OutputError
        The limits cannot be written; no runner sends anything without them.
    """
    before = limits.killed
    limits.latch(KILL, why, now)
    return not before


@dataclass(frozen=True, slots=True)
class Swept:
    """One look at the open orders, and what was asked of them.

    Attributes
    ----------
    open : tuple of BrokerOrder
        All that were open when the broker was asked, legs inside the orders they belong to.
    asked : tuple of BrokerOrder
        Those whose end was asked for now.
    left : tuple of BrokerOrder
        Those that had to go and were open at this look; what was asked for now may be gone at the next.
    foreign : tuple of BrokerOrder
        Those of somebody else, left alone.
    problems : tuple of str
        What was not answered, or refused.
    """

    open: tuple[BrokerOrder, ...] = ()
    asked: tuple[BrokerOrder, ...] = ()
    left: tuple[BrokerOrder, ...] = ()
    foreign: tuple[BrokerOrder, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the broker was heard, and holds none that had to go."""
        return not self.left and not self.problems


def cancel_all(
    account: AlpacaAccount,
    prefix: str,
    *,
    others: bool = False,
    keep: Callable[[BrokerOrder], bool] = lambda order: False,
) -> Swept:
    """Look once at what is open, and ask for the end of each order of ours.

    What may open a position goes first, protection last. Nothing is waited for: call it again, at each
    tick, until it is `clean`.

    Parameters
    ----------
    account : AlpacaAccount
    prefix : str
        How our ids begin; legs of an order of ours are ours.
    others : bool
        Whether orders of somebody else go too.
    keep : callable
        Says of an order that it shall stay.

    Raises
    ------
    KeysRefused
        The credentials are not taken: asking again is of no use.
    """
    try:
        found = account.open_orders(whole=False)
    except Unreachable as problem:
        return Swept(problems=(str(problem),))
    problems: list[str] = []
    going: list[BrokerOrder] = []
    foreign: list[BrokerOrder] = []
    for order in found:
        if not (others or order.client_id):
            problems.append(f"an open order of {order.symbol or 'no symbol'} does not say whose it is")
        elif not (others or order.client_id.startswith(prefix)):
            foreign.append(order)
        elif not keep(order):
            going.extend(_open_parts(order))
    asked = [order for order in sorted(going, key=protects) if _ask_end(account, order, problems)]
    return Swept(tuple(found), tuple(asked), tuple(going), tuple(foreign), tuple(problems))


def is_over(order: BrokerOrder) -> bool:
    """Say whether an order has ended; one whose status is not known has not."""
    return order.status in _OVER


def _open_parts(order: BrokerOrder) -> Iterable[BrokerOrder]:
    """Yield what must be cancelled of an order: itself, or its open legs where it has ended."""
    if not is_over(order):
        yield order
        return
    for leg in order.legs:
        yield from _open_parts(leg)


def protects(order: BrokerOrder) -> bool:
    """Say whether an order rests to close a position."""
    return order.order_class == "oco" or order.kind.startswith(("stop", "trailing"))


def _ask_end(account: AlpacaAccount, order: BrokerOrder, problems: list[str]) -> bool:
    """Ask for an order's end unless that was heard before; say whether the broker took it."""
    if order.status == "pending_cancel":
        return False
    if not order.id:
        problems.append(f"order {order.client_id} came without the broker's id")
        return False
    said = account.cancel(order.id)
    if said.outcome is not Outcome.ACCEPTED:
        problems.append(f"order {order.client_id}: {said.problem}")
        return False
    return True
