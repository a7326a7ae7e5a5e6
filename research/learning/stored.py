"""The reading side of the store of models: every check between the disk and a parser.

In: a store's folder, a version's id. Out: facts and bytes whose every digest was verified, or an
`ArtifactError` in one line. Links, pipes and names that lead elsewhere are refused.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from research.errors import ArtifactError
from research.learning.manifest import LARGEST, MANIFEST, first_difference, parse_manifest, version_of

__all__ = ["NOTHING", "checked", "existing", "history", "note_of", "shelf_of", "stored", "train_one", "why"]

_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST_NOTE: Final = 2**20
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def stored(store: Path) -> tuple[str, ...]:
    """Return the ids of the versions that are there, sorted."""
    if not os.path.lexists(store / "versions"):
        return ()
    return tuple(sorted(name for name in _names(shelf_of(store)) if _ID.fullmatch(name)))


def note_of(promoted: Iterable[str]) -> bytes:
    """Return the text of `current`: promoted ids, latest first, and their checksum."""
    lines = "".join(f"{version}\n" for version in promoted).encode("ascii")
    return lines + f"sha256 {hashlib.sha256(lines).hexdigest()}\n".encode("ascii")


def history(store: Path) -> tuple[str, ...]:
    """Return the promoted id and the ones before it, latest first."""
    note = store / "current"
    if not os.path.lexists(note):
        raise ArtifactError(f"{store} must hold a promoted model, has none; {train_one(store)}")
    remedy = f"remove it and promote one of the versions, or {train_one(store)}"
    try:
        text = _read(note, _LARGEST_NOTE)
    except ArtifactError as problem:
        raise ArtifactError(f"{note}: {problem}; {remedy}") from problem
    promoted = tuple(text.decode("latin-1").split("\n")[:-2])
    if not promoted or not all(map(_ID.fullmatch, promoted)) or text != note_of(promoted):
        raise ArtifactError(
            f"{note} must list the promoted versions over their checksum, is damaged; {remedy}"
        )
    return promoted


def checked(
    store: Path, version: str, expect: Mapping[str, Any] = NOTHING
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Every check, the cheap and telling ones first; the bytes returned are the bytes that were hashed."""
    if not _ID.fullmatch(version):
        raise ArtifactError(
            f"a version of {store} must be 64 hex digits, was {ascii(version)[:80]}; see versions()"
        )
    place = shelf_of(store) / version
    try:
        return _contents(place, version, expect)
    except ArtifactError as problem:
        raise ArtifactError(f"{place}: {problem}; {train_one(store)}") from problem


def _contents(
    place: Path, version: str, expect: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    _require_folder(place)
    found = _names(place)
    if MANIFEST not in found:
        raise ArtifactError(f"{MANIFEST} must be there, is missing")
    text = _read(place / MANIFEST, LARGEST)
    if version_of(text) != version:
        raise ArtifactError(f"{MANIFEST} must have the SHA-256 that names its folder, has {version_of(text)}")
    manifest = parse_manifest(text)
    listed = {MANIFEST, *manifest.files}
    for name in sorted(found ^ listed):
        what = "is missing" if name in listed else "is not of this version"
        raise ArtifactError(f"the files must be those of {MANIFEST}, {name!a} {what}")
    differs = first_difference(manifest.facts, expect)
    if differs:
        raise ArtifactError(differs)
    files: dict[str, bytes] = {}
    for name, record in manifest.files.items():
        data = _read(place / name, record.size)
        digest = hashlib.sha256(data).hexdigest()
        if len(data) != record.size:
            raise ArtifactError(f"{name} must have {record.size:,} bytes, has {len(data):,}")
        if digest != record.sha256:
            raise ArtifactError(f"{name} must have SHA-256 {record.sha256}, has {digest}")
        files[name] = data
    return manifest.facts, files


def existing(folder: str | Path) -> Path:
    """Return the store's folder, which must be there."""
    store = Path(folder)
    if not store.is_dir():
        raise ArtifactError(f"{store} must be a folder of models, is none; {train_one(store)}")
    return store


def shelf_of(store: Path) -> Path:
    """Return the folder of versions, which must be there and no link."""
    shelf = store / "versions"
    try:
        _require_folder(shelf)
    except ArtifactError as problem:
        raise ArtifactError(f"{shelf}: {problem}; {train_one(store)}") from problem
    return shelf


def _require_folder(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except OSError as problem:
        raise ArtifactError(f"the folder must be there and readable ({why(problem)})") from problem
    if not stat.S_ISDIR(mode):
        raise ArtifactError("the folder must be one of its own, is a link or a file")


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as problem:
        raise ArtifactError(f"{folder} must be a readable folder ({why(problem)})") from problem


def _read(path: Path, most: int) -> bytes:
    """Return the bytes of a plain file of at most `most` bytes: no link, pipe or device."""
    try:
        # Without O_NONBLOCK a pipe of that name would hold the reader for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ArtifactError(f"{path.name} must be a plain file, is a folder, pipe or device")
            if status.st_size > most:
                raise ArtifactError(f"{path.name} must have {most:,} bytes at most, has {status.st_size:,}")
            return file.read(status.st_size)
    except OSError as problem:
        raise ArtifactError(f"{path.name} must be a readable plain file ({why(problem)})") from problem


def train_one(store: Path) -> str:
    """Say how to come by a model."""
    return f"train one: python -m research train --out {store}"


def why(problem: OSError) -> str:
    """Say what the system said, in its words."""
    if problem.errno == errno.ELOOP:
        return "it is a link"
    return problem.strerror or type(problem).__name__
