"""Which code a sweep's figures follow from: another version of it is another trial, and resumes nothing.

In: a study. Out: a fingerprint. Kernels and strategies decide every cell (`kernel_hash`); the learners decide
too where the strategy has a model, and only there.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from research.kernels.jit import kernel_hash
from research.simulation.study import Study

__all__ = ["code_of", "hash_of"]

_LEARNING = Path(__file__).parents[1] / "learning"


def code_of(study: Study) -> str:
    """Return the fingerprint of the sources that decide a study's figures.

    Returns
    -------
    str
        `kernel_hash()`; of a strategy with a model that and, after a plus sign, 16 hexadecimal digits of the
        learners' sources.
    """
    return kernel_hash() if study.lessons is None else f"{kernel_hash()}+{hash_of(_LEARNING)}"


@cache
def hash_of(folder: Path) -> str:
    """Return 16 hexadecimal digits of SHA-256 over the names and bytes of a folder's ``*.py``.

    Read once in a process: the sources that run are those of its start.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        # Line ends differ between checkouts on different systems; the code does not.
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.name} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()[:16]
