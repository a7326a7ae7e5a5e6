"""One look at a run: everything that its journal and the account's limits tell, and what needs somebody.

In: files. Out: a `Glance`. Nothing is asked of the network and nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from live.home import LIMITS
from live.killing import kill_asked
from live.limits import Latch
from live.reading import Reading
from live.rhythm import Rhythm, rhythm_of
from live.standing import Standing, standing_of
from live.usage import Usage, clock_of, equity_of, latches_of, marks_of, rules_of, usage_of
from live.vitals import HALTING, LOCKING, MUTE_AFTER, Health, Pulse, health_of, is_held_up, pulse_of, spoken
from research.errors import OnepathError

__all__ = ["Glance", "Happened", "glance_at", "glance_of_account"]

_EVENTS: Final = 8
_LONG_IN_DOUBT: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the journal: when it was written (UTC text), its kind, symbol ("" none) and text."""

    at: str
    kind: str
    symbol: str
    text: str


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen.

    Attributes
    ----------
    at : datetime
        UTC.
    journal : str
        Its file; "" if there is none.
    health, vital : Health, str
        How the runner is, and in words.
    pulse : Pulse or None
    mode, strategy : str
    symbols : tuple of str
    standing, rhythm : Standing, Rhythm or None
        None if nothing has been written yet.
    usage : tuple of Usage
        Empty for a replay, to which no limit applies.
    latches : tuple of Latch
    events : tuple of Happened
        The last ones, oldest first.
    looks : tuple of str
        What needs somebody's look; empty: all is well.
    notes : tuple of str
    equity : Decimal or None
        The account's at the runner's last look, USD.
    clock : datetime or None
        The time, UTC, at a broker that plays old bars, as of then; None: `at`.
    """

    at: datetime
    journal: str = ""
    health: Health = Health.SILENT
    vital: str = "nothing has run yet"
    pulse: Pulse | None = None
    mode: str = ""
    strategy: str = ""
    symbols: tuple[str, ...] = ()
    standing: Standing | None = None
    rhythm: Rhythm | None = None
    usage: tuple[Usage, ...] = ()
    latches: tuple[Latch, ...] = ()
    events: tuple[Happened, ...] = ()
    looks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    equity: Decimal | None = None
    clock: datetime | None = None

    @property
    def is_halted(self) -> bool:
        """Whether the runner waited, when it looked last, for somebody to say what the broker has."""
        return self.pulse is not None and self.pulse.text.startswith(HALTING)


def glance_of_account(home: Path, at: datetime, mute_after: timedelta = MUTE_AFTER) -> Glance:
    """Look at an account: at the journal in its folder whose heart beat last.

    Raises
    ------
    SnapshotMismatch
        None of its journals can be read.
    """
    found: list[tuple[str, Path]] = []
    problems: list[OnepathError] = []
    for path in sorted(home.glob("*.sqlite")):
        if path.name == LIMITS:
            continue
        try:
            with Reading.journal(path) as journal:
                beat = pulse_of(journal)
            found.append((beat.at.isoformat() if beat and beat.at else "", path))
        except OnepathError as problem:
            problems.append(problem)
    if not found:
        if problems:
            raise problems[0]
        return _seen(None, home / LIMITS, at, mute_after)
    found.sort()
    others = [f"another journal of this account: {path}" for _, path in found[:-1]]
    others += [str(problem) for problem in problems]
    return _seen(found[-1][1], home / LIMITS, at, mute_after, notes=others)


def glance_at(path: str | Path, at: datetime, mute_after: timedelta = MUTE_AFTER) -> Glance:
    """Look at a journal, and at the limits beside it if there are any.

    Parameters
    ----------
    path : str or Path
    at : datetime
        Now, UTC.
    mute_after : timedelta
        Age from which a heartbeat is no sign of life.

    Raises
    ------
    BadValue
        There is no such file.
    SnapshotMismatch
        It cannot be read, or is of another version.
    """
    path = Path(path)
    return _seen(path, path.parent / LIMITS, at, mute_after)


def _seen(
    path: Path | None, limits: Path, at: datetime, mute_after: timedelta, notes: Sequence[str] = ()
) -> Glance:
    latches: tuple[Latch, ...] = ()
    marks = rules = equity = clock = None
    if limits.exists():
        with Reading.limits(limits) as reading:
            latches, marks = latches_of(reading), marks_of(reading)
            rules, equity, clock = rules_of(reading), equity_of(reading), clock_of(reading)
    asked = kill_asked(limits.parent)
    looks = [
        f"limit `{x.name}` is latched since {x.at[:19].replace('T', ' ')} UTC: {x.text}" for x in latches
    ]
    if asked is not None and not any(x.name == "kill switch" for x in latches):
        looks.append(f"the kill switch is thrown by {asked}, and no runner has latched it yet")
    if path is None:
        return Glance(at, latches=latches, looks=tuple(looks), notes=tuple(notes))
    with Reading.journal(path) as journal:
        if not journal.begun:
            return Glance(at, str(path), latches=latches, looks=tuple(looks), notes=tuple(notes))
        settings = _settings(journal)
        mode = str(settings.get("mode", ""))
        pulse = pulse_of(journal)
        health = health_of(pulse, at, mute_after)
        standing = standing_of(journal, replay=mode == "replay")
        rhythm = rhythm_of(journal)
        events = journal.rows("SELECT at, kind, symbol, text FROM events ORDER BY seq DESC LIMIT ?", _EVENTS)
    vital = spoken(health, pulse, at)
    looks = [*_of_runner(health, pulse, vital, standing), *looks, *_of_orders(standing, clock or at)]
    if rhythm.alarm:
        looks.append(rhythm.alarm)
    return Glance(
        at,
        str(path),
        health,
        vital,
        pulse,
        mode,
        str(settings.get("strategy", "")),
        tuple(map(str, settings.get("symbols", ()))),
        standing,
        rhythm,
        () if mode == "replay" else usage_of(standing, marks, clock or at, rules, equity),
        latches,
        tuple(Happened(when, kind, symbol or "", text) for when, kind, symbol, text in reversed(events)),
        tuple(looks),
        tuple(notes),
        None if mode == "replay" else equity,
        None if mode == "replay" else clock,
    )


def _settings(journal: Reading) -> dict[str, Any]:
    try:
        found = json.loads(journal.meta("settings") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of_runner(health: Health, pulse: Pulse | None, vital: str, standing: Standing) -> list[str]:
    """Say what of the process needs a look."""
    if health in {Health.MUTE, Health.DEAD}:
        return [f"the runner is {vital}", *_unwatched(standing)]
    text = "" if pulse is None else pulse.text
    waits = text.startswith((HALTING, LOCKING))  # for somebody
    if health is Health.STOPPED:
        return [*([f"at the last look of the runner {text}"] if waits else []), *_unwatched(standing)]
    if pulse is not None and is_held_up(health, pulse):
        return [f"the runner lives and cannot trade, {pulse.phase}: {text}"]
    return [f"the runner trades in part: {text}"] if waits else []


def _unwatched(standing: Standing) -> list[str]:
    held = ", ".join(f"{p.quantity:f} {p.symbol}" for p in standing.positions)
    return [f"held while nobody watches: {held}"] if held else []


def _of_orders(standing: Standing, at: datetime) -> list[str]:
    """Say what of orders and protection needs a look."""
    found = [
        f"order {o.client_id} of {o.symbol} is in doubt since {o.sent_at:%Y-%m-%d %H:%M:%S} UTC"
        for o in standing.orders
        if o.in_doubt and o.sent_at is not None and at - o.sent_at > _LONG_IN_DOUBT
    ]
    return found + [f"{p.symbol}: {p.fault}" for p in standing.positions if p.fault]
