"""A trader in a process of its own, that kills itself at a named point.

The points are before and after a method; the methods are wrapped here, in this process alone, so that what is
shipped has no hook. It says on standard output when it trades and when it has looked.
"""

from __future__ import annotations

import time

BEGAN = time.monotonic()  # before anything else is imported

import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
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


COUNT = "count"  # in place of a point: nobody is killed, and the end says how often each was passed
PASSED: dict[str, int] = {}


def arm(point: str, nth: int) -> None:
    """Let this process be killed at a point, the `nth` time it is passed; 0 never."""
    module, owner, method, when = POINTS[point]
    __import__(module)
    cls = getattr(sys.modules[module], owner)
    true: Callable[..., Any] = getattr(cls, method)
    PASSED[point] = 0

    def wrapped(*arguments: Any, **more: Any) -> Any:
        PASSED[point] += 1
        passes = PASSED[point]
        if when == "before" and passes == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        value = true(*arguments, **more)
        if when == "after" and passes == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    setattr(cls, method, wrapped)


def say(word: str) -> None:
    """Tell the parent."""
    print(word, flush=True)  # noqa: T201 - the protocol


def trade(port: int, folder: Path) -> None:
    """Look once, and then as often as told to."""
    from pydantic import SecretStr

    from live.keys import Access
    from tests.chaos.process import Process

    url = f"http://127.0.0.1:{port}"
    known = Access(SecretStr("key"), SecretStr("secret"), False, url, url)
    # No answer is late here but for the machine's sake, and a doubt would change how the run ends.
    process = Process(known, "1Min", folder, patience=60.0, deadline=20.0)
    process.trader.tick()
    say(f"trading {time.monotonic() - BEGAN:.3f} {time.process_time():.3f}")
    while sys.stdin.readline().strip() == "look":
        process.trader.tick()
        say("looked")


def nursery() -> None:
    """Import once, and trade in a fork for each line "PORT FOLDER NTH POINT": starting costs seconds."""
    import tests.chaos.process  # noqa: F401

    while (line := sys.stdin.readline().strip()) != "end":
        port, folder, nth, *point = line.split(" ", 3)
        child = os.fork()
        if child == 0:
            for name in POINTS if point == [COUNT] else point:
                arm(name, int(nth))
            trade(int(port), Path(folder))
            if point == [COUNT]:
                say(f"passed {json.dumps(PASSED)}")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say("killed" if os.WIFSIGNALED(status) else f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    if sys.argv[1:]:
        trade(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        nursery()
