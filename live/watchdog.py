"""`python -m live.watchdog`: a process of its own that notices when a runner falls silent.

In: a runner's journal. Out: one line whenever its state changes, a command run when that is an alarm. It asks
nothing of the network and writes nothing into the journal; SIGTERM and Ctrl-C end it with status 0.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before the imports below, so that Ctrl-C is one line while they are loaded; the file is imported anew.
    from research.console import start

    start("live.watchdog")

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from research.console import run
from research.errors import BadValue

__all__ = ["Watch", "app", "main"]

NAME = "python -m live.watchdog"
app = typer.Typer(name=NAME, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_ALARMS: Final = frozenset({"mute", "dead", "unreadable", "no journal", "held up"})
_HELD_UP_AFTER: Final = timedelta(minutes=2)
_WAITED: Final = 30.0  # seconds that the command may take


@dataclass
class Watch:
    """Tells changes of a runner's state, each once.

    Parameters
    ----------
    journal : Path
    mute_after : timedelta
    tell : callable
        Given a line.
    command : sequence of str
        Run at each alarm, with the line as its last argument; none if empty.
    held_up_after : timedelta
        How long a runner may live and be unable to trade, its broker silent say, before that is an alarm.
    """

    journal: Path
    mute_after: timedelta
    tell: Callable[[str], None]
    command: Sequence[str] = ()
    held_up_after: timedelta = _HELD_UP_AFTER
    _state: str = field(default="", init=False)
    _since: datetime | None = field(default=None, init=False)  # when it was first seen held up

    def look(self, now: datetime) -> str:
        """Look once, tell what has changed, and return the state."""
        state, text, held_up = _seen(self.journal, now, self.mute_after)
        self._since = (self._since or now) if held_up else None
        if self._since is not None and now - self._since >= self.held_up_after:
            state = "held up"
        if state != self._state:
            was = f", was {self._state}" if self._state else ""
            self._state = state
            self.tell(f"{now:%Y-%m-%d %H:%M:%S} UTC  {state.upper()}{was}: {text}")
            if state in _ALARMS and self.command:
                self._call(f"{self.journal}: {text}")
        return state

    def _call(self, line: str) -> None:
        """Run the command; whatever becomes of it, the watch goes on."""
        # It is somebody's script: what it need not know are the keys to the account.
        known = {name: value for name, value in os.environ.items() if not name.startswith("APCA_")}
        try:
            done = subprocess.run(  # noqa: S603, the user's own command, without a shell
                [*self.command, line], env=known, stdin=subprocess.DEVNULL, timeout=_WAITED, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            self.tell(f"the command {self.command[0]} was not run to its end ({problem})")
            return
        if done.returncode:
            self.tell(f"the command {self.command[0]} ended with status {done.returncode}")


def _seen(path: Path, now: datetime, mute_after: timedelta) -> tuple[str, str, bool]:
    """Return a runner's state, what there is to say of it, and whether it lives and cannot trade."""
    from live.reading import Reading
    from live.vitals import health_of, is_held_up, pulse_of, spoken
    from research.errors import UsageError

    if not path.exists():
        return "no journal", f"{path} is not there", False
    try:
        with Reading.journal(path) as journal:
            pulse = pulse_of(journal)
    except UsageError as problem:
        return "unreadable", str(problem), False
    health = health_of(pulse, now, mute_after)
    text = spoken(health, pulse, now).removeprefix(str(health)).lstrip(" :,")
    return str(health), text, is_held_up(health, pulse)


@app.command()
def watchdog(
    journal: Annotated[Path, typer.Option(help="The runner's SQLite file.", metavar="FILE")],
    every: Annotated[float, typer.Option(help="Seconds between looks.", min=0.1)] = 5.0,
    mute: Annotated[float, typer.Option(help="Seconds after which a heartbeat is old.", min=0.1)] = 15.0,
    held_up: Annotated[
        float,
        typer.Option(help="Seconds after which a runner that cannot trade is an alarm.", min=0.1),
    ] = _HELD_UP_AFTER.total_seconds(),
    command: Annotated[
        str,
        typer.Option(
            help="Run at an alarm, without a shell, with the alarm as last argument.", metavar="ARGV"
        ),
    ] = "",
) -> None:
    """Watch a runner's heartbeat; say when it falls mute, dies, is held up, or its journal cannot be read."""
    if journal.is_dir():
        raise BadValue(f"journal {journal} is a folder; name the SQLite file of a run")
    try:
        words = shlex.split(command)
    except ValueError as problem:
        raise BadValue(f"--command must be words with closed quotes, was {command!r}: {problem}") from None
    watch = Watch(journal, timedelta(seconds=mute), typer.echo, words, timedelta(seconds=held_up))
    with _until_stopped() as stopped:
        while True:
            watch.look(datetime.now(UTC))
            if stopped.wait(every):
                return


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Turn SIGTERM and SIGINT into an event."""
    stopped = threading.Event()
    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> None:
    """Run the command line and leave with its exit status."""
    raise SystemExit(run(app, name=NAME))
