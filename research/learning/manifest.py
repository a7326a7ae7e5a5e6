"""What a model's manifest says, and in which bytes.

In: the caller's facts (JSON values) and the bytes of the files. Out: one canonical JSON text, whose
SHA-256 names the version, so that one flipped bit is another name; and back, with every rule checked.
Canonical: sorted keys, ASCII, one space of indent, shortest floats. A text that is not exactly what
`write_manifest` would write (a key twice, NaN, other spacing) is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from research.errors import ArtifactError, BadValue

__all__ = [
    "FORMAT",
    "LARGEST",
    "MANIFEST",
    "FileRecord",
    "Manifest",
    "first_difference",
    "parse_manifest",
    "version_of",
    "write_manifest",
]

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
LARGEST: Final = 16 * 2**20
_DEEPEST: Final = 32
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SHOWN: Final = 60


class FileRecord(NamedTuple):
    """Size in bytes and SHA-256 (hex) of one file."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """Facts of the caller, and the files of the version by name."""

    facts: dict[str, Any]
    files: dict[str, FileRecord]


def write_manifest(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """Write the manifest of some files.

    Parameters
    ----------
    files : mapping of str to bytes
        Plain names (letters, digits, ``. _ -``; no folders) and contents.
    facts : mapping of str to JSON value
        None, bool, int, finite float, str, and lists and str-keyed mappings of them; tuples become lists.

    Returns
    -------
    bytes
        Canonical JSON, ASCII.

    Raises
    ------
    BadValue
        A name or a fact breaks those rules.

    Examples
    --------
    >>> b'"ret_2"' in write_manifest({"model.txt": b"tree"}, {"features": ["ret_2"]})
    True
    """
    _require_names(files)
    for name, data in files.items():
        if not isinstance(data, bytes):
            raise BadValue(f"a model's file must be bytes, {name!r} is {type(data).__name__}; convert it")
    told = {
        "facts": _plain("facts", facts),
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in files.items()
        },
        "format": FORMAT,
    }
    text = _canonical(told)
    if len(text) > LARGEST:
        raise BadValue(
            f"a model's facts must fit {LARGEST:,} bytes of JSON, were {len(text):,}; put bulk in a file"
        )
    return text


def version_of(manifest: bytes) -> str:
    """Return the name of the version that has this manifest: its SHA-256, 64 hex digits.

    Examples
    --------
    >>> len(version_of(write_manifest({}, {})))
    64
    """
    return hashlib.sha256(manifest).hexdigest()


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest, whose digest the caller has verified.

    Parameters
    ----------
    text : bytes
        From `write_manifest`.

    Returns
    -------
    Manifest

    Raises
    ------
    ArtifactError
        It is not canonical JSON of this format; the message starts with the broken rule and names no file.
    """
    if len(text) > LARGEST:
        raise ArtifactError(f"the manifest must be at most {LARGEST:,} bytes, is {len(text):,}")
    try:
        told = _plain("manifest", json.loads(text.decode("ascii")))
        same = _canonical(told) == text
    except (ValueError, RecursionError, BadValue) as problem:
        why = str(problem).partition("\n")[0]
        raise ArtifactError(f"the manifest must be plain JSON ({why})") from problem
    if not (isinstance(told, dict) and set(told) == {"facts", "files", "format"}):
        raise ArtifactError("the manifest must hold `facts`, `files` and `format`, nothing else")
    if type(told["format"]) is not int or told["format"] != FORMAT:
        raise ArtifactError(f"`format` must be {FORMAT}, is {_shown(told['format'])}")
    if not same:
        raise ArtifactError("the manifest must be canonical JSON (keys once and sorted, own spacing)")
    facts, listed = told["facts"], told["files"]
    if not (isinstance(facts, dict) and isinstance(listed, dict)):
        raise ArtifactError("`facts` and `files` of the manifest must be objects")
    try:
        _require_names(listed)
    except BadValue as problem:
        raise ArtifactError(str(problem)) from problem
    return Manifest(facts, {name: _record(name, entry) for name, entry in listed.items()})


def first_difference(facts: Mapping[str, Any], expect: Mapping[str, Any]) -> str | None:
    """Say where facts first differ from what is expected, in the order of `expect`.

    Parameters
    ----------
    facts : mapping
        From a manifest; those that `expect` does not name are not looked at.
    expect : mapping
        Facts that must be there, whole: a list its order and length, a mapping its keys.

    Returns
    -------
    str or None
        One phrase, or None if all agree. Numbers agree by value, but a bool is no number.

    Raises
    ------
    BadValue
        `expect` holds what JSON cannot say.

    Examples
    --------
    >>> first_difference({"features": ["rsi_14", "ret_5"]}, {"features": ["rsi_14", "ret_2"]})
    "`features` at place 2 is 'ret_5', must be 'ret_2'"
    """
    for name, wanted in _plain("expect", expect).items():
        if name not in facts:
            return f"`{name}` is missing, must be {_shown(wanted)}"
        found = _difference(f"`{name}`", facts[name], wanted)
        if found:
            return found
    return None


def _difference(place: str, found: Any, wanted: Any) -> str | None:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(k for k in found if k not in wanted)]:
            inner = f"{place} of {_shown(key)}"
            if key not in found:
                return f"{inner} is missing, must be {_shown(wanted[key])}"
            if key not in wanted:
                return f"{inner} is {_shown(found[key])}, must not be there"
            told = _difference(inner, found[key], wanted[key])
            if told:
                return told
        return None
    if isinstance(found, list) and isinstance(wanted, list):
        for i, (a, b) in enumerate(zip(found, wanted, strict=False)):
            told = _difference(f"{place} at place {i + 1}", a, b)
            if told:
                return told
        if len(found) != len(wanted):
            return f"{place} has {len(found)} places, must have {len(wanted)}"
        return None
    if isinstance(found, bool) == isinstance(wanted, bool) and found == wanted:
        return None
    return f"{place} is {_shown(found)}, must be {_shown(wanted)}"


def _plain(place: str, value: Any, depth: int = 0) -> Any:
    """Copy a JSON value into dict, list, str, int, float, bool, None; refuse anything else."""
    if depth > _DEEPEST:
        raise BadValue(f"{place[:_SHOWN]}… must be nested at most {_DEEPEST} deep; flatten it")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and abs(value) < 2**64:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_plain(f"{place}[{i}]", x, depth + 1) for i, x in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise BadValue(f"{place} must have text as keys, has {_shown(key)}; convert it")
        return {str(key): _plain(f"{place}.{key}", x, depth + 1) for key, x in value.items()}
    raise BadValue(
        f"{place} must be a JSON value (finite, integers below 2**64), "
        f"was {type(value).__name__} {_shown(value)}; convert it"
    )


def _canonical(told: Any) -> bytes:
    return json.dumps(told, sort_keys=True, indent=1, allow_nan=False).encode("ascii") + b"\n"


def _record(name: str, entry: Any) -> FileRecord:
    rule = isinstance(entry, dict) and set(entry) == {"sha256", "size"}
    if rule:
        size, digest = entry["size"], entry["sha256"]
        if type(size) is int and size >= 0 and isinstance(digest, str) and _DIGEST.fullmatch(digest):
            return FileRecord(size, digest)
    raise ArtifactError(f"the manifest must give {name!r} a size and a SHA-256, gives {_shown(entry)}")


def _require_names(names: Iterable[object]) -> None:
    taken = {MANIFEST}
    for name in names:
        if not isinstance(name, str) or not _FILE_NAME.fullmatch(name) or name.casefold() in taken:
            raise BadValue(
                "a model's file must have a plain name of its own (letters, digits, . _ -), "
                f"was {_shown(name)}; rename it"
            )
        taken.add(name.casefold())


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
