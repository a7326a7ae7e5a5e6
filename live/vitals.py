"""Whether a runner lives, by the heartbeat that it leaves in its journal.

In: a journal's pulse, the time. Out: a `Health`, and in words why.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from live.payloads import instant_of
from live.reading import Reading

__all__ = [
    "HALTED", "HALTING", "LOCKING", "MUTE_AFTER", "STOPPED", "Health", "Pulse", "health_of", "is_held_up",
    "lives", "pulse_of", "spoken",
]  # fmt: skip

MUTE_AFTER: Final = timedelta(seconds=15)
STOPPED: Final = "stopped"  # the phase of a runner that has ended as it should
HALTED: Final = "halted"  # that of one that lives and waits for somebody
# How the text begins that says so: of all entries, and of one symbol while the others are traded.
HALTING: Final = "nothing is entered until somebody has looked: "
LOCKING: Final = "nothing is sent of "
_HELD_UP: Final = frozenset({HALTED, "unreachable"})  # phases in which a runner lives and cannot trade


class Health(StrEnum):
    """How a runner is."""

    SILENT = "no heartbeat"  # a replay, or not begun
    RUNNING = "running"
    MUTE = "mute"  # its process may be there, its heartbeat is old
    DEAD = "dead"  # its process is gone, and it has not said goodbye
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Pulse:
    """The heartbeat.

    Attributes
    ----------
    at, began : datetime or None
        UTC: the last beat, and the start of the process; None if that cannot be read.
    pid : int
    host : str
        The machine that it runs on.
    mode : str
        "paper" or "live".
    phase, text : str
        What it does, and what it says of it.
    """

    at: datetime | None
    began: datetime | None
    pid: int
    host: str
    mode: str
    phase: str
    text: str


def pulse_of(journal: Reading) -> Pulse | None:
    """Return a journal's heartbeat; None if there has never been one."""
    rows = journal.rows("SELECT at, began, pid, host, mode, phase, text FROM pulse") if journal.begun else []
    if not rows:
        return None
    at, began, pid, host, mode, phase, text = rows[0]
    return Pulse(instant_of(at), instant_of(began), int(pid), str(host), str(mode), str(phase), str(text))


def lives(pid: int) -> bool:
    """Say whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's: it is there
        return True
    return True


def health_of(
    pulse: Pulse | None,
    now: datetime,
    mute_after: timedelta = MUTE_AFTER,
    alive: Callable[[int], bool] = lives,
) -> Health:
    """Say how the runner is that left this heartbeat.

    Parameters
    ----------
    pulse : Pulse or None
    now : datetime
        UTC.
    mute_after : timedelta
        What is older than this is no sign of life.
    alive : callable
        Says of a process of this machine whether it is there. One elsewhere is judged by its heartbeat alone.
    """
    if pulse is None:
        return Health.SILENT
    if pulse.phase == STOPPED:
        return Health.STOPPED
    if pulse.host == platform.node() and not alive(pulse.pid):
        return Health.DEAD
    fresh = pulse.at is not None and now - pulse.at <= mute_after
    return Health.RUNNING if fresh else Health.MUTE


def is_held_up(health: Health, pulse: Pulse | None) -> bool:
    """Say whether a runner lives and cannot trade."""
    return health is Health.RUNNING and pulse is not None and pulse.phase in _HELD_UP


def spoken(health: Health, pulse: Pulse | None, now: datetime) -> str:
    """Return the words for it.

    Examples
    --------
    >>> spoken(Health.SILENT, None, datetime(2026, 11, 23))
    'no heartbeat'
    """
    if pulse is None:
        return str(health)
    age = "of an unreadable date" if pulse.at is None else f"{_span(now - pulse.at)} ago"
    who = f"process {pulse.pid} on {pulse.host}"
    doing = f"{pulse.phase}: {pulse.text}" if pulse.text else pulse.phase
    if health is Health.RUNNING:
        since = "" if pulse.began is None else f" for {_span(now - pulse.began)}"
        return f"running{since}, {doing} ({who})"
    if health is Health.DEAD:
        return f"dead: {who} is gone, last heartbeat {age}, {doing}"
    if health is Health.STOPPED:
        return f"stopped {age}"
    return f"mute: last heartbeat {age}, {doing} ({who})"


def _span(span: timedelta) -> str:
    """Return a span in its two largest units."""
    seconds = max(int(span.total_seconds()), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for k, (name, size) in enumerate(units):
        if seconds >= size:
            rest = [(n, seconds % size // s) for n, s in units[k + 1 : k + 2]]
            return " ".join([f"{seconds // size} {name}", *(f"{count} {n}" for n, count in rest if count)])
    return "0 s"
