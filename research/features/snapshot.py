"""The bytes of a feature stream's snapshot: a line of JSON, the arrays, what the panel carries, a checksum.

In: head, arrays, the panel builder's bytes. Out: bytes, and back. Nothing is unpickled, and the
checksum is verified before anything is parsed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from research.errors import SnapshotMismatch
from research.kernels.jit import kernel_hash

__all__ = ["pack", "same", "unpack"]

_MAGIC: Final = b"onepath FeatureStream 1\n"
_DIGEST: Final = 32
_TYPES: Final = {"<f8": np.float64, "<i8": np.int64}
_Arrays = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]


def pack(head: Mapping[str, Any], arrays: _Arrays, builder: bytes) -> bytes:
    """Write a snapshot.

    Parameters
    ----------
    head : mapping
        What JSON can say.
    arrays : mapping of str to array
        float64 or int64.
    builder : bytes
        Appended as they are.

    Returns
    -------
    bytes
    """
    told = dict(head) | {
        "kernels": kernel_hash(),
        "arrays": {name: [x.dtype.newbyteorder("<").str, list(x.shape)] for name, x in arrays.items()},
    }
    body = b"".join(x.astype(x.dtype.newbyteorder("<")).tobytes() for x in arrays.values())
    text = _MAGIC + json.dumps(told).encode() + b"\n" + body + builder
    return text + hashlib.sha256(text).digest()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]], bytes]:
    """Read a snapshot.

    Parameters
    ----------
    data : bytes
        From `pack`.

    Returns
    -------
    dict, dict of str to array, bytes
        Head, arrays, the panel builder's bytes.

    Raises
    ------
    SnapshotMismatch
        The bytes are no snapshot, are damaged, or were made by other kernels.
    """
    text = bytes(data[:-_DIGEST])
    if not text.startswith(_MAGIC):
        raise SnapshotMismatch(
            "these bytes are not a feature snapshot of this version; take one with snapshot()"
        )
    if hashlib.sha256(text).digest() != data[-_DIGEST:]:
        raise SnapshotMismatch("the feature snapshot is damaged or cut short; take a new one from the bars")
    line, _, body = text[len(_MAGIC) :].partition(b"\n")
    head: dict[str, Any] = json.loads(line)
    same("kernels", head["kernels"], kernel_hash())
    arrays: dict[str, NDArray[Any]] = {}
    at = 0
    for name, (dtype, shape) in head["arrays"].items():
        size = math.prod(shape)
        arrays[name] = np.frombuffer(body, dtype, size, at).reshape(shape).astype(_TYPES[dtype])
        at += 8 * size
    return head, arrays, body[at:]


def same(what: str, theirs: str, ours: str) -> None:
    """Refuse a snapshot whose `what` is not ours."""
    if theirs != ours:
        raise SnapshotMismatch(
            f"the feature snapshot was made by other {what} ({theirs}, here {ours}); rescan the bars"
        )
