"""A sweep's chunks on disk, so that what was finished is never run again.

In: finished chunks. Out: the same, after any interruption, a SIGKILL or a power cut included.

1. The folder's ``manifest.json`` holds the facts of the sweep (`research.simulation.identity`): bars, grid,
   code, execution, versions. A sweep with other facts is refused there.
2. A finished chunk is one Parquet file, ``cells-<first>-<last>-<hash>.parquet``: written beside, flushed to
   the disk, renamed. It is there whole or not at all; its name holds its bytes' hash, so damage is noticed.
3. Which cells are finished is what the files say; nothing else is counted. So the memory budget, the number
   of workers and the order in which they finish may differ between an interruption and the next run.
4. ``runs.log`` has a line for each chunk that was begun.
5. One process at a time: the file ``lock`` is held while a sweep runs, and let go when the process ends,
   however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue, OutputError
from research.files import output_folder, replacing
from research.simulation.chunks import Done
from research.simulation.figures import FIGURES
from research.simulation.identity import differing, identity
from research.simulation.study import Study

__all__ = ["ChunkStore", "open_store"]

FORMAT = "onepath sweep store 1"
_CHUNK = re.compile(r"cells-(\d+)-(\d+)-([0-9a-f]{16})\.parquet")
_ELSE = "choose another folder, or remove it to begin anew"
I64 = NDArray[np.int64]


class ChunkStore:
    """The finished chunks of one sweep; `open_store` opens it."""

    def __init__(self, folder: Path, symbols: int) -> None:
        self.folder = folder
        self._symbols = symbols

    def finished(self) -> Iterator[tuple[I64, Done]]:
        """Yield every chunk that is there.

        Raises
        ------
        BadValue
            A file is damaged; it is named and left as it is.
        """
        for path in sorted(self.folder.glob("cells-*.parquet")):
            named = _CHUNK.fullmatch(path.name)
            content = path.read_bytes()
            if named is None or _hash(content) != named[3]:
                raise BadValue(f"{path} is damaged; remove it, and its cells are run again")
            yield self._read(pl.read_parquet(BytesIO(content)))

    def begin(self, cells: I64) -> None:
        """Note that a chunk is being run."""
        line = f"{cells[0]}-{cells[-1]} {cells.size} {os.getpid()}\n".encode()
        handle = os.open(self.folder / "runs.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, line)
        except OSError as problem:
            raise OutputError(self._full(problem)) from problem
        finally:
            os.close(handle)

    def write(self, cells: I64, done: Done) -> None:
        """Keep a finished chunk.

        Raises
        ------
        OutputError
            It cannot be written, such as on a full disk; the chunks before it are whole.
        """
        content = BytesIO()
        self._table(cells, done).write_parquet(content)
        data = content.getvalue()
        path = self.folder / f"cells-{cells[0]:09d}-{cells[-1]:09d}-{_hash(data)}.parquet"
        try:
            _write(path, data)
        except OutputError as problem:
            raise OutputError(self._full(problem.__cause__ or problem)) from problem

    def _full(self, problem: BaseException) -> str:
        why = getattr(problem, "strerror", None) or str(problem)
        return (
            f"{self.folder} cannot be written ({why}); finished chunks are kept, make room and run the "
            "same again"
        )

    def _table(self, cells: I64, done: Done) -> pl.DataFrame:
        count = cells.size * self._symbols
        failed: list[str | None] = [None] * count
        for p, n, why in done.failed:
            failed[p * self._symbols + n] = why
        figures = {name: done.figures[f].ravel() for f, name in enumerate(FIGURES)}
        numbered = {
            "cell": np.repeat(cells, self._symbols),
            "symbol": np.tile(range(self._symbols), cells.size),
        }
        return pl.DataFrame({**numbered, **figures, "failed": pl.Series(failed, dtype=pl.String)})

    def _read(self, table: pl.DataFrame) -> tuple[I64, Done]:
        cells = table["cell"].to_numpy()[:: self._symbols]
        shape = (cells.size, self._symbols)
        figures = np.stack([table[name].to_numpy().reshape(shape) for name in FIGURES])
        bad = table.with_row_index("row").filter(pl.col("failed").is_not_null()).select("row", "failed")
        failed = tuple((row // self._symbols, row % self._symbols, why) for row, why in bad.iter_rows())
        return cells, Done(figures, failed)


@contextmanager
def open_store(folder: str | Path, study: Study) -> Iterator[ChunkStore]:
    """Open a sweep's store, or begin it, and hold it against other processes.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.
    study : Study

    Raises
    ------
    BadValue
        The folder holds another sweep, other files, or another process runs in it.
    OutputError
        It cannot be written.
    """
    place = output_folder(folder)
    facts = {"format": FORMAT, **identity(study)}
    with _held(place):
        manifest = place / "manifest.json"
        if manifest.exists():
            _require_same(place, facts, _manifest(manifest))
        else:
            strays = sorted(
                p.name for p in place.iterdir() if p.name != "lock" and not p.name.startswith(".")
            )
            if strays:
                raise BadValue(f"{place} is no sweep's store, it holds {strays[0]}; choose an empty folder")
            _write(manifest, (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode())
        for left in place.glob(".cells-*"):  # half-written when a process was killed
            left.unlink(missing_ok=True)
        yield ChunkStore(place, len(study.symbols))


@contextmanager
def _held(place: Path) -> Iterator[None]:
    handle = os.open(place / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise BadValue(
                f"another process runs the sweep in {place}; wait for it, or choose another folder"
            ) from problem
        yield
    finally:
        os.close(handle)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise BadValue(f"{path} is damaged ({problem}); {_ELSE}") from problem
    if not isinstance(found, dict) or not str(found.get("format", "")).startswith("onepath sweep store"):
        raise BadValue(f"{path} is no manifest of a sweep's store; choose another folder")
    return found


def _require_same(place: Path, mine: dict[str, Any], other: dict[str, Any]) -> None:
    differ = differing(mine, other)
    if differ:
        told = ", ".join(differ)
        verb = "differs" if len(differ) == 1 else "differ"
        raise BadValue(f"{place} holds the chunks of another sweep: {told} {verb}; {_ELSE}")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole, on the disk, or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name as well as the bytes
    finally:
        os.close(folder)
