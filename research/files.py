"""Files written whole or not at all.

In: a path that a user asked for. Out: the finished file under that name, or an
`OutputError` in one line and no file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from research.errors import OutputError

__all__ = ["output_folder", "replacing", "require_writable"]


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, and rename it to `path` when the block ends well.

    Parameters
    ----------
    path : str or Path
        The file to write; an old one stays until the new one is complete.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        The folder does not exist or cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        # mkstemp is private to its owner; a result is as readable as any other new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        yield temporary
        temporary.replace(path)
    except (
        OSError,
        pl.exceptions.PolarsError,
    ) as problem:  # Polars writes by itself: a full disk is its error
        raise OutputError(_cannot(path, problem)) from problem
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def require_writable(path: str | Path) -> None:
    """Refuse a folder that could not be made or written; make nothing.

    Raises
    ------
    OutputError
        It, or the nearest folder above it that exists, is a file or cannot be written.
    """
    folder = Path(path)
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as problem:
        raise OutputError(_cannot(folder, problem)) from problem


def output_folder(path: str | Path) -> Path:
    """Return `path` as a folder that exists and can be written, made if need be.

    Raises
    ------
    OutputError
        It is a file, or cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as problem:
        raise OutputError(_cannot(folder, problem)) from problem
    return folder


def _cannot(path: Path, problem: Exception) -> str:
    why = getattr(problem, "strerror", None) or str(problem).partition("\n")[0]
    return f"{path} cannot be written ({why}); choose another place"
