"""Kill writers of a store of models at every step, at random, and let several write at once.

Run as a program of its own, because it forks and because the dead must not be the tests:
``python -m tests.learning.crashing FOLDER STUDY``. It prints one line, and fails by an assertion.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from research.errors import ArtifactError
from research.learning.artifact import (
    current_version,
    promote,
    prune,
    read_version,
    rollback,
    versions,
    write_version,
)

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "fcntl.flock"}
DEAD = 9


def contents(k: int) -> dict[str, bytes]:
    return {"model": bytes([k]) * 5000, "more": b"%d" % k}


def stocked(folder: Path) -> list[str]:
    """Four versions, of which the first three were promoted in turn."""
    made = [write_version(folder, contents(k), {"k": k}) for k in range(4)]
    for version in made[:3]:
        promote(folder, version)
    return made


def die_at(step: int) -> None:
    """End this process, as power does, at its step-th dealing with the file system; writes half done."""
    count = 0
    write, sync = os.write, os.fsync

    def due() -> bool:
        nonlocal count
        count += 1
        return count == step

    def torn(handle: int, data: memoryview) -> int:
        if due():
            write(handle, data[: len(data) // 2])
            os._exit(DEAD)
        return write(handle, data)

    def unsynced(handle: int) -> None:
        if due():
            os._exit(DEAD)
        sync(handle)

    def hook(event: str, _: object) -> None:
        if event in STEPS and due():
            os._exit(DEAD)

    os.write, os.fsync = torn, unsynced  # type: ignore[assignment]
    sys.addaudithook(hook)


def in_child(act: Callable[[], object]) -> int:
    """Run in a fork; return its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except BaseException as problem:  # noqa: BLE001  # a fork must end here, whatever happened
            sys.stderr.write(f"{problem!r}\n")
            os._exit(1)
        os._exit(0)
    return pid


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def told(store: Path) -> tuple[str | None, tuple[str, ...]]:
    """Promoted id and all ids, each version read whole on the way."""
    there = versions(store)
    for version in there:
        facts, files = read_version(store, version)
        assert files == contents(facts["k"])
    if not (store / "current").exists():
        return None, there
    assert read_version(store)[1] == read_version(store, current_version(store))[1]
    return current_version(store), there


def leftovers(store: Path) -> list[str]:
    return [p.name for p in store.rglob(".*") if p.name != ".lock"]


def scenarios() -> Iterator[tuple[str, bool, Callable[[Path, list[str]], object]]]:
    yield "write into nothing", False, lambda s, made: write_version(s, contents(7), {"k": 7})
    yield "write", True, lambda s, made: write_version(s, contents(7), {"k": 7})
    yield "promote", True, lambda s, made: promote(s, made[3])
    yield "rollback", True, lambda s, made: rollback(s)
    yield "prune", True, lambda s, made: prune(s)


def at_every_step(folder: Path) -> str:
    # A dead process loses nothing that the system has; waiting for the disk would show nothing here.
    os.fsync = lambda handle: None  # type: ignore[assignment]
    pristine = folder / "pristine"
    made = stocked(pristine)
    counts = {}
    for name, full, act in scenarios():
        for step in range(1, 1000):
            store = folder / f"{name} {step}"
            if full:
                shutil.copytree(pristine, store)
                before = told(store)
            else:
                before = None, ()

            def doomed(act=act, store=store, step=step):
                die_at(step)
                act(store, made)

            status = ended(in_child(doomed))
            promoted, there = told(store)
            if status == 0:
                counts[name] = step - 1
                break
            assert status == DEAD, (name, step, status)
            # The old state or the new; prune may stop between two versions.
            assert promoted in {before[0], made[3] if name == "promote" else made[1]}
            assert promoted == before[0] or name in {"promote", "rollback"}
            assert set(there) <= set(before[1]) or name.startswith("write")
            assert set(made[1:3]) <= set(there) or not full
            if name != "rollback" or promoted == before[0]:
                act(store, made)
            write_version(store, contents(8), {"k": 8})
            assert leftovers(store) == [], (name, step)
            told(store)
            shutil.rmtree(store)
    return f"{sum(counts.values())} deaths: {counts}"


def at_random(folder: Path) -> str:
    rng = random.Random(3)
    store = folder / "models"
    stocked(store)
    deaths = 0

    def busy() -> None:
        for k in range(10, 250):
            promote(store, write_version(store, contents(k), {"k": k}))
            if k % 3 == 0:
                prune(store)

    for _ in range(40):
        pid = in_child(busy)
        time.sleep(0.03 * rng.random())
        os.kill(pid, signal.SIGKILL)
        deaths += ended(pid) == -signal.SIGKILL
        assert told(store)[0] is not None
    rollback(store)
    write_version(store, contents(9), {"k": 9})
    assert leftovers(store) == []
    return f"{deaths} deaths"


def at_once(folder: Path) -> str:
    """Four writers, two of each content, and a reader."""
    store = folder / "models"
    stocked(store)

    def writer(first: int) -> None:
        for k in range(first, first + 12):
            promote(store, write_version(store, contents(k), {"k": k}))

    pids = [in_child(lambda first=first: writer(first)) for first in (20, 20, 40, 40)]  # type: ignore[misc]
    reads = 0
    running = set(pids)
    while running:
        facts, files = read_version(store)
        assert files == contents(facts["k"])
        reads += 1
        for pid in list(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            assert status == 0
            running -= {done}
    assert len(told(store)[1]) == 4 + 24
    assert leftovers(store) == []
    back = [current_version(store)]
    while True:
        try:
            back.append(rollback(store))
        except ArtifactError:
            break
    assert len(back) == len(set(back)) == 3 + 24  # no promotion was lost
    return f"{reads} reads"


if __name__ == "__main__":
    STUDIES = {"every_step": at_every_step, "random": at_random, "at_once": at_once}
    sys.stdout.write(STUDIES[sys.argv[2]](Path(sys.argv[1])) + "\n")
