"""A versioned folder of bytes for trained models.

In: files as bytes, facts as JSON values. Out: the same, after every check, so that no parser ever sees
a byte that its writer did not write. It knows nothing of learners.

::

    DIR/versions/<id>/manifest.json    id = SHA-256 of this text, which holds the SHA-256 of every file
    DIR/versions/<id>/<files>
    DIR/current                        promoted id, the ones before it, a SHA-256 of those lines

A version is written under a temporary name, synced, and renamed; `current` is replaced in one rename.
A crash at any instant leaves the old state or the new one, and at most a leftover whose name starts
with a dot, which nothing reads and the next writer removes. Writers take turns through a lock on the
folder, which the system frees when its holder dies; readers need none.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from research.errors import ArtifactError, BadValue
from research.files import output_folder
from research.learning.durable import point, sweep, sync, turn, write_file
from research.learning.manifest import MANIFEST, version_of, write_manifest
from research.learning.stored import (
    NOTHING,
    checked,
    existing,
    history,
    shelf_of,
    stored,
    train_one,
)

__all__ = [
    "current_version",
    "promote",
    "prune",
    "read_version",
    "rollback",
    "versions",
    "write_version",
]


def write_version(folder: str | Path, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> str:
    """Store a version whole or not at all, without promoting it.

    Parameters
    ----------
    folder : str or Path
        The store; made if need be.
    files : mapping of str to bytes
        Plain names and contents.
    facts : mapping of str to JSON value
        What a reader must be able to check: features in order, schema and data hashes, training cutoff,
        libraries, kernels, settings.

    Returns
    -------
    str
        The version's id. The same content has the same id, and is stored once.

    Raises
    ------
    BadValue
        A file name or a fact breaks the rules of the manifest.
    ArtifactError
        This content is there already, and damaged.
    OutputError
        The folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> version = write_version(folder, {"model.txt": b"tree"}, {"features": ["ret_2", "rsi_14"]})
    >>> promote(folder, version)
    >>> read_version(folder, expect={"features": ["ret_2", "rsi_14"]})[1]
    {'model.txt': b'tree'}
    """
    manifest = write_manifest(files, facts)
    version = version_of(manifest)
    store = output_folder(folder)
    with turn(store):
        (store / "versions").mkdir(exist_ok=True)
        shelf = shelf_of(store)
        sweep(store)
        place = shelf / version
        if os.path.lexists(place):
            checked(store, version)
            return version
        temporary = shelf / f".writing-{secrets.token_hex(8)}"
        try:
            temporary.mkdir()
            for name, data in [*files.items(), (MANIFEST, manifest)]:
                write_file(temporary / name, data, os.O_EXCL | os.O_CREAT)
            sync(temporary)
            temporary.rename(place)
            sync(shelf)
            sync(store)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return version


def read_version(
    folder: str | Path, version: str | None = None, *, expect: Mapping[str, Any] = NOTHING
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read a version after every check: names, manifest, facts, sizes, digests.

    Parameters
    ----------
    folder : str or Path
        The store.
    version : str, optional
        An id; by default the promoted one.
    expect : mapping of str to JSON value
        Facts that must be as given; others are not looked at.

    Returns
    -------
    facts : dict
        As given to `write_version`, tuples as lists.
    files : dict of str to bytes
        Exactly those bytes whose digests were verified.

    Raises
    ------
    ArtifactError
        No version is promoted, the version is absent, damaged, incomplete or holds more than it should,
        or a fact differs (the first one is named).
    BadValue
        `expect` holds what JSON cannot say.
    """
    store = Path(folder)
    chosen = current_version(store) if version is None else version
    return checked(store, chosen, expect)


def current_version(folder: str | Path) -> str:
    """Return the id of the promoted version.

    Raises
    ------
    ArtifactError
        None is promoted, or the note of it is damaged.
    """
    return history(Path(folder))[0]


def versions(folder: str | Path) -> tuple[str, ...]:
    """Return the ids of the stored versions, sorted; none for a store that is not there.

    Raises
    ------
    ArtifactError
        The folder cannot be listed.
    """
    return stored(Path(folder))


def promote(folder: str | Path, version: str) -> None:
    """Make a version, checked whole first, the one that `read_version` gives.

    The promoted one before it stays, for `rollback`.

    Raises
    ------
    ArtifactError
        The version is absent or damaged, or the note of the promoted one is.
    OutputError
        The folder cannot be written.
    """
    store = existing(folder)
    with turn(store):
        checked(store, version)
        before = history(store) if os.path.lexists(store / "current") else ()
        if before[:1] != (version,):
            point(store, (version, *(v for v in before if v != version)))


def rollback(folder: str | Path) -> str:
    """Promote again the version that was promoted before the current one.

    Returns
    -------
    str
        The id that is now promoted. A second call goes one further back.

    Raises
    ------
    ArtifactError
        There is none, or it is damaged; the current one stays promoted.
    OutputError
        The folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> old, new = (write_version(folder, {"model": data}, {}) for data in (b"old", b"new"))
    >>> promote(folder, old)
    >>> promote(folder, new)
    >>> rollback(folder) == old == current_version(folder)
    True
    """
    store = existing(folder)
    with turn(store):
        _, *earlier = history(store)
        if not earlier:
            raise ArtifactError(
                f"{store} must hold an earlier promoted version to roll back to, has none; {train_one(store)}"
            )
        checked(store, earlier[0])
        point(store, earlier)
    return earlier[0]


def prune(folder: str | Path, keep: Collection[str] = ()) -> tuple[str, ...]:
    """Delete all versions but the promoted one, the one before it, and `keep`.

    Parameters
    ----------
    folder : str or Path
        The store.
    keep : collection of str
        Ids that stay, too.

    Returns
    -------
    tuple of str
        The ids deleted, sorted.

    Raises
    ------
    BadValue
        `keep` is one text, not a collection of them.
    ArtifactError
        None is promoted, or `keep` names a version that is not there; nothing is deleted.
    OutputError
        The folder cannot be written.
    """
    if isinstance(keep, str):
        raise BadValue(f"`keep` must be a collection of versions, was the text {keep!r}; wrap it in a list")
    store = existing(folder)
    with turn(store):
        shelf, promoted, there = shelf_of(store), history(store), stored(store)
        absent = sorted(set(keep) - set(there))
        if absent:
            raise ArtifactError(
                f"`keep` must name versions of {store}, {absent[0]!r} is none; list them with versions()"
            )
        staying = {*promoted[:2], *keep}
        leaving = tuple(v for v in there if v not in staying)
        left = tuple(v for v in promoted if v in staying)
        if left != promoted:
            point(store, left)
        for version in leaving:
            # Out of sight in one rename: a crash leaves no half version under a version's name.
            (shelf / version).rename(shelf / f".pruned-{version}")
        sync(shelf)
        sweep(store)
    return leaving
