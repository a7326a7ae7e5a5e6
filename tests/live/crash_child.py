"""A trader in a process of its own, that kills itself at a named point.

The points are before and after a method; the methods are wrapped here, in this process alone, so that what is
shipped has no hook. It says on standard output when it trades and when it has looked.
"""

from __future__ import annotations

import time

BEGAN = time.monotonic()  # before anything else is imported

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


# How often each point has still to be passed before this process is killed there.
LEFT: dict[str, int] = {}


def wrap(point: str) -> None:
    """Let this process be killable at a point."""
    module, owner, method, when = POINTS[point]
    __import__(module)
    cls = getattr(sys.modules[module], owner)
    true: Callable[..., Any] = getattr(cls, method)

    def passing() -> None:
        if point in LEFT:
            LEFT[point] -= 1
            if LEFT[point] == 0:
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
    LEFT.clear()
    LEFT[point] = int(nth)


def say(word: str) -> None:
    """Tell the parent."""
    print(word, flush=True)  # noqa: T201 - the protocol


def trade(port: int, folder: Path) -> None:
    """Look once, and then at each line "look", or "look NTH POINT" to be killed there."""
    from pydantic import SecretStr

    from live.keys import Access
    from tests.chaos.process import Process

    url = f"http://127.0.0.1:{port}"
    known = Access(SecretStr("key"), SecretStr("secret"), False, url, url)
    # No answer is late here but for the machine's sake, and a doubt would change how the run ends.
    process = Process(known, "1Min", folder, patience=60.0, deadline=20.0)
    process.trader.tick()
    say(f"trading {time.monotonic() - BEGAN:.3f} {time.process_time():.3f}")
    while (line := sys.stdin.readline().strip()).startswith("look"):
        if kill := line.removeprefix("look").split(maxsplit=1):
            arm(*kill)
        process.trader.tick()
        say("looked")


def load_kernels() -> None:
    """Step an engine over one symbol, whose kernels every fork has then; no thread begins for one."""
    import numpy as np

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
    engine.advance(panel[PAST:])


def nursery() -> None:
    """Import once, and trade in a fork for each line "PORT FOLDER [NTH POINT]": starting costs seconds."""
    load_kernels()
    for point in POINTS:
        wrap(point)
    assert threading.active_count() == 1, "a fork would have the locks of threads that it has not"
    while (line := sys.stdin.readline().strip()) != "end":
        port, folder, *kill = line.split(" ", 3)
        child = os.fork()
        if child == 0:
            if kill:
                arm(*kill)
            trade(int(port), Path(folder))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say("killed" if os.WIFSIGNALED(status) else f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    if sys.argv[1:]:
        trade(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        nursery()
