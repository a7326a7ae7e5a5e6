"""The last line of a model's bytes: whose they are, and a checksum that proves them whole.

Parsers of models are not built for damage: LightGBM ends the process over a list that is too short,
XGBoost over a missing end, and a flipped digit loads as another model. So no parser sees bytes whose
checksum is wrong. This finds accidents; against intent, the artifact's manifest holds SHA-256.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from research.errors import ArtifactError

__all__ = ["sealed", "unreadable", "unsealed"]

_SEAL: Final = re.compile(rb"\nonepath ([a-z_]+) crc32 ([0-9a-f]{8})\n\Z")
_LONGEST: Final = 80  # bytes of such a line


def sealed(name: str, data: bytes) -> bytes:
    r"""Return a model's bytes and one last line that says whose they are and proves them whole.

    The libraries read their own formats with that line at the end.

    Examples
    --------
    >>> sealed("lightgbm", b"tree")[4:]
    b'\nonepath lightgbm crc32 ...\n'
    """
    return data + f"\nonepath {name} crc32 {zlib.crc32(data):08x}\n".encode()


def unsealed(name: str, data: bytes) -> bytes:
    """Return the bytes that `sealed` was given, before any parser has seen them.

    Parsers of models are not built for damage: some end the process, some load another model.

    Raises
    ------
    ArtifactError
        The bytes are damaged, incomplete, or of another learner.
    """
    seal = _SEAL.search(data, max(0, len(data) - _LONGEST))
    if seal is None:
        raise ArtifactError(f"model of {name} is incomplete ({len(data)} bytes); train it again or roll back")
    body = data[: seal.start()]
    if zlib.crc32(body) != int(seal[2], 16):
        raise ArtifactError(f"model of {name} is damaged ({len(data)} bytes); train it again or roll back")
    if seal[1].decode() != name:
        raise ArtifactError(f"model of {name} holds one of {seal[1].decode()}; train it again or roll back")
    return body


def unreadable(name: str, why: str) -> ArtifactError:
    """Return the error for whole bytes that a library cannot read, such as those of another version."""
    return ArtifactError(
        f"model of {name} cannot be read ({why}), perhaps made by another version; train it again"
    )
