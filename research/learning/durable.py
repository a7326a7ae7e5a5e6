"""The writing side of the store of models: whole or not at all, one writer at a time.

In: bytes and where they belong. Out: the same on the disk, synced before anything names it, so that a
crash at any instant leaves the old state or the new one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from research.errors import OutputError
from research.files import replacing
from research.learning.stored import note_of, why

__all__ = ["point", "sweep", "sync", "turn", "write_file"]


@contextmanager
def turn(store: Path) -> Iterator[None]:
    """Hold the store's lock; whatever the system refuses meanwhile is an `OutputError`."""
    try:
        handle = os.open(store / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
    except OSError as problem:
        raise OutputError(f"{store} cannot be written ({why(problem)}); choose another place") from problem


def sweep(store: Path) -> None:
    """Remove what a crash left behind; called with the lock held, so that no leftover is in use."""
    for leftover in [*(store / "versions").glob(".*"), *store.glob(".current.*")]:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def write_file(path: Path, data: bytes, how: int) -> None:
    """Write a file that is opened as `how` says, and sync it; no link is followed."""
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | how, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def sync(folder: Path) -> None:
    """Sync a folder: the names in it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def point(store: Path, promoted: Collection[str]) -> None:
    """Replace the note of the promoted versions in one rename."""
    with replacing(store / "current") as temporary:
        write_file(temporary, note_of(promoted), os.O_TRUNC)
    sync(store)
