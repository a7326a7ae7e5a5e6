"""Silence of every kind: no call over 10 s, no gap between heartbeats over 15 s, recovery when it ends.

A trader's loop runs in a thread, against the fake on a clock of its own, under a name that this process
resolves. For each fault: so many seconds of it, then the fault ends. The longest call is that of a question
or an order as the trader makes it, retries included; heartbeats are read from the journal by another
connection, as `live.watchdog` reads them.

    python -m tests.studies deadlines --seconds 45
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from live.keys import Access
from live.stream_line import Patience
from live.streams import TradeHints
from live.talk import DEADLINE
from tests.chaos.market import market
from tests.chaos.process import Process
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.names import Names

FAULTS = ("DNS black hole", "mute server", "one byte per second", "refused", "mute websocket", "slow answers")
WELL = frozenset({"trading", "waiting"})
BEAT = 2.0  # seconds: `live.telling._BEAT`


@dataclass(frozen=True)
class Found:
    """Seconds: of the longest call, between two heartbeats at most, from the fault's end to trading again."""

    fault: str
    call: float
    gap: float
    recovery: float
    calls: int


class Watch:
    """Measure calls and heartbeats of one process."""

    def __init__(self, process: Process, journal: Path) -> None:
        self.longest = self.gap = 0.0
        self.calls = 0
        self.phase = ""
        self._path, self._stop = journal, threading.Event()
        for line in process.lines:
            line.read = self._timed(line.read)  # type: ignore[method-assign]
            line.write = self._timed(line.write)  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments, **more):
            began = time.monotonic()
            try:
                return call(*arguments, **more)
            finally:
                self.calls += 1
                self.longest = max(self.longest, time.monotonic() - began)

        return timed

    def _look(self) -> None:
        db = sqlite3.connect(self._path, timeout=5.0)
        last, since = "", time.monotonic()
        while not self._stop.wait(0.05):
            for at, phase in db.execute("SELECT at, phase FROM pulse"):
                if at != last:
                    last, since = at, time.monotonic()
                self.phase = phase
            self.gap = max(self.gap, time.monotonic() - since)
        db.close()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()


def _begin(fault: str, fake: FakeAlpaca, names: Names) -> Callable[[], None]:
    """Let a fault begin; return what ends it."""
    if fault == "DNS black hole":
        names.mode = "black_hole"
        fake.listener.cut()  # so that a name must be asked for
        return lambda: setattr(names, "mode", "good")
    if fault == "refused":
        fake.listener.shut()
        return fake.listener.reopen
    scripts: dict[str, tuple[str, str, dict[str, Any]]] = {
        "mute server": ("* *", "mute", {}),
        "one byte per second": ("* *", "drip", {"seconds": 1.0}),
        "slow answers": ("* *", "slow", {"seconds": 4.0}),
        "mute websocket": ("connect:/stream", "silent", {}),
    }
    where, kind, more = scripts[fault]
    fake.fault(where, kind, times=0, **more)
    fake.listener.cut()
    return fake.script.clear


def one(
    fault: str,
    seconds: float,
    patience: float = 9.0,
    deadline: float = DEADLINE,
    poll: float = 5.0,
    stream: Patience | None = None,
) -> Found:
    """Study one fault."""
    world = market(random.Random(1), 60, daily=False, splits=False)
    with tempfile.TemporaryDirectory() as name, Names() as names:
        fake = FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, speed=1.0)
        port = fake.listener.port
        known = Access(SecretStr("key"), SecretStr("secret"), False, *[f"http://{names.host}:{port}"] * 2)
        folder = Path(name)
        with fake:
            process = Process(known, world.timeframe, folder, patience=patience, deadline=deadline)
            hints = TradeHints(known, lambda text: None, stream)
            hints.start()
            watch, stop = Watch(process, folder / "run.sqlite"), threading.Event()
            took: list[float] = []

            def drain() -> None:
                hints.drain()

            def direct() -> None:
                try:
                    _until(lambda: watch.phase in WELL and hints.listening)
                    end = _begin(fault, fake, names)
                    time.sleep(seconds)
                    end()
                    ended, calls = time.monotonic(), watch.calls
                    # Some calls later, since the last pulse may be older than the fault.
                    _until(lambda: watch.phase in WELL and watch.calls > calls + 8 and hints.listening)
                    took.append(time.monotonic() - ended)
                finally:
                    stop.set()

            director = threading.Thread(target=direct)
            director.start()
            process.trader.run(stop=stop.is_set, wait=stop.wait, poll=poll, on_tick=drain)
            director.join()
            watch.close()
            hints.close()
            process.close()
    (recovery,) = took  # none: it did not recover
    return Found(fault, watch.longest, watch.gap, recovery, watch.calls)


def _until(true: Callable[[], bool], seconds: float = 180.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def main(arguments: list[str] | None = None) -> None:
    """Print what each fault cost."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies deadlines")
    parser.add_argument("--seconds", type=float, default=45.0, help="that each fault lasts")
    parser.add_argument("--fault", choices=FAULTS, action="append")
    asked = parser.parse_args(arguments)
    for fault in asked.fault or FAULTS:
        found = one(fault, asked.seconds)
        spans = f"longest call {found.call:5.2f} s  heartbeats {found.gap:5.2f} s apart at most"
        again = f"well again after {found.recovery:5.2f} s"
        print(f"{found.fault:<20} {spans}  {again}  ({found.calls} calls)", flush=True)
