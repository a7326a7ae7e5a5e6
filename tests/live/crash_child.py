"""A trader in a process of its own, that kills itself at a named point.

The points are before and after a method; the methods are wrapped here, in this process alone, so that what is
shipped has no hook. It says on standard output when it trades, when it has looked, where it is about to be
killed, and at its end what the engine's account holds.
"""

from __future__ import annotations

import time

BEGAN = time.monotonic()  # before anything else is imported

import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

# Where a process is killed: class, method, and whether before or after it has done its work.
POINTS = {
    f"{when} {name}": (module, owner, method, when)
    for name, (module, owner, method) in {
        "the journal begins": ("live.journal", "Journal", "begin"),
        "a bar is written": ("live.journal", "Journal", "record"),
        "the engine's step": ("live.runner", "Runner", "step"),
        "the snapshot": ("research.engine", "UnifiedTradingEngine", "snapshot"),
        "an order is written ahead": ("live.tracks", "Tracks", "put"),
        "an order is sent": ("live.alpaca", "AlpacaAccount", "submit"),
        "a cancel": ("live.alpaca", "AlpacaAccount", "cancel"),
        "a reconciliation is written": ("live.tracks", "Tracks", "take"),
        "the strategy's order stands": ("live.journal", "Journal", "update"),
        "equity is marked": ("live.limits", "Limits", "mark"),
        "the pulse": ("live.telling", "Voice", "pulse"),
        "the look": ("live.world", "World", "look"),
    }.items()
    for when in ("before", "after")
}


# Where this process is killed, and how often it has still to pass there; none or one.
ARMED: dict[str, int] = {}


def wrap(point: str) -> None:
    """Let this process be killable at a point."""
    module, owner, method, when = POINTS[point]
    __import__(module)
    cls = getattr(sys.modules[module], owner)
    true: Callable[..., Any] = getattr(cls, method)

    def passing() -> None:
        if point not in ARMED:
            return
        ARMED[point] -= 1
        if not ARMED[point]:
            say(f"at {point}")
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(*arguments: Any, **more: Any) -> Any:
        if when == "before":
            passing()
        value = true(*arguments, **more)
        if when == "after":
            passing()
        return value

    setattr(cls, method, wrapped)


def arm(nth: str, point: str) -> None:
    """Be killed at this point and no other, the `nth` time that it is passed from now on."""
    ARMED.clear()
    ARMED[point] = int(nth)


def say(word: str) -> None:
    """Tell the parent."""
    print(word, flush=True)  # noqa: T201 - the protocol


def trade(port: int, folder: Path) -> None:
    """Look once, then at each line "look", to be killed "look NTH POINT"; at the end tell what is held."""
    from datetime import timedelta

    from pydantic import SecretStr

    from live.keys import Access
    from tests.chaos.process import Process

    url = f"http://127.0.0.1:{port}"
    known = Access(SecretStr("key"), SecretStr("secret"), False, url, url)
    # No answer is late here but for the machine's sake, and a doubt would change how the run ends.
    settle = timedelta(seconds=2)  # the study looks soon after a close
    process = Process(known, "1Min", folder, patience=60.0, deadline=20.0, settle=settle)
    process.trader.tick()
    ARMED.clear()  # what a start is armed with is for the start
    say(f"trading {time.monotonic() - BEGAN:.3f} {time.process_time():.3f}")
    while (line := sys.stdin.readline().strip()).startswith("look"):
        if kill := line.removeprefix("look").split(maxsplit=1):
            arm(*kill)
        process.trader.tick()
        say("looked")
    say(f"held {json.dumps(process.held())}")


def load_kernels() -> None:
    """Step an engine over one symbol's bars, the last as a trader does; no thread begins for one symbol."""
    import numpy as np

    from live.journal import Journal
    from live.told import ToldBroker
    from live.tracks import Tracks
    from research.data.aligned import Panel
    from research.engine import UnifiedTradingEngine
    from tests.chaos.market import PAST
    from tests.chaos.process import PARAMS

    closes = np.datetime64("2021-03-01T15:00", "us") + np.arange(PAST + 1) * np.timedelta64(60_000_000, "us")
    price = np.asfortranarray(80.0 + np.sin(np.arange(PAST + 1.0))[:, None])
    one = np.ones_like(price)
    panel = Panel(("AAA",), closes, price, price + 0.1, price - 0.1, price, one * 1e3, one, one, one * 0.0)
    engine = UnifiedTradingEngine("ma_crossover", symbols=panel.symbols, params=PARAMS)
    engine.advance(panel[:PAST])
    nothing = Tracks(Journal.at(Path(os.devnull)))  # and so nobody opens it
    engine.advance(panel[PAST:], fill=ToldBroker("PP-", nothing).fill)


def forkable() -> bool:
    """Whether nobody but this thread runs Python or Polars; the threads of allocators and of BLAS may be."""
    names = {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}
    pools = [name for name in names if name.startswith("tokio") or name.removeprefix("polars-").isdigit()]
    return threading.active_count() == 1 and not pools


def forget() -> None:
    """Write no order ahead: a trader that the study must find out."""
    from live.tracks import Tracks

    put = Tracks.put

    def late(self: Any, *tracks: Any, events: Any = ()) -> Any:
        return put(self, *(track for track in tracks if track.order.broker_id), events=events)

    Tracks.put = late  # type: ignore[method-assign]


def nursery() -> None:
    """Import once, and trade in a fork for each line "PORT FOLDER [NTH POINT]": starting costs seconds."""
    load_kernels()
    for point in POINTS:
        wrap(point)
    assert forkable(), "a fork would have the locks of threads that it has not"
    while (line := sys.stdin.readline().strip()) != "end":
        port, folder, *kill = line.split(" ", 3)
        child = os.fork()
        if child == 0:
            if kill:
                arm(*kill)
            trade(int(port), Path(folder))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        say("killed" if code == -signal.SIGKILL else f"ended {code}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        trade(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        if sys.argv[1:] == ["forget"]:
            forget()
        nursery()
