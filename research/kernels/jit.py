"""The one Numba policy: how every kernel is compiled, and where it is cached.

In: a plain function of arrays and scalars, called by its module-level name.
Out: the same function compiled to machine code, without the GIL, cached on disk.

Policy, decided here once:

``fastmath=False``
    No reassociation and no fused multiply-add: a sum has one order and one result.
``error_model="numpy"``
    A division by zero gives inf or NaN as in NumPy; kernels guard it themselves.
``nogil=True``
    Python threads run kernels side by side over symbols; nothing is parallel inside one.
``cache=True``, in a folder named after all kernel sources
    Numba recompiles a cached function when *its own* file changes, but not when a file
    it calls into changes. A folder per hash of all sources cannot serve stale code.

The folder is ``kernels-<hash>`` under ``onepath`` in ``$NUMBA_CACHE_DIR`` or the user's cache folder.
Numba's global setting is changed only while one of our functions is being decorated, so
other libraries keep their own caches. Where the folder cannot be written, a private one
under the temporary directory is used and a warning is logged.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

# Where Intel's vector mathematics is installed, Numba gives the vector part of a loop another
# logarithm than its last rows, so bits would depend on a row's position. Read by Numba at import.
os.environ.setdefault("NUMBA_DISABLE_INTEL_SVML", "1")

import numba
import platformdirs
from numba.core import config

from research.errors import OnepathError

__all__ = ["cache_folder", "inlined", "kernel_hash", "njit"]

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

# Every package whose files may hold jitted functions.
_PACKAGE: Final = Path(__file__).resolve().parents[1]
_SOURCES: Final = ("kernels", "strategies")
_KEEP_SECONDS: Final = 30 * 24 * 3600
_numba: Any = numba
_config: Any = config


@functools.cache
def kernel_hash() -> str:
    """Return the fingerprint of every source that holds kernels.

    Returns
    -------
    str
        16 hexadecimal digits of SHA-256 over the names and bytes of ``kernels/*.py`` and
        ``strategies/*.py``. Two programs with equal fingerprints compute the same bits, so a
        snapshot carries it.

    Examples
    --------
    >>> len(kernel_hash())
    16
    """
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((_PACKAGE / folder).glob("*.py")):
            digest.update(f"{folder}/{path.name}".encode())
            # Line ends differ between checkouts on different systems; the code does not.
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def _user_cache_root() -> Path:
    """Return the folder under which this user's caches belong, by the system's convention."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen) / "onepath"
    return platformdirs.user_cache_path("onepath", appauthor=False)


def _writable(folder: Path) -> bool:
    """Say whether `folder` exists, or can be made, and takes a file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _private_temporary() -> Path:
    """Return a folder under the temporary directory that nobody else can write.

    Cached code is executed, so a folder that another user prepared must not be trusted.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir()) / f"onepath-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        ours = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)
        if stat.S_ISDIR(found.st_mode) and ours:
            return folder
    except OSError as problem:
        log.debug("temporary folder %s: %s", folder, problem)
    return Path(tempfile.mkdtemp(prefix="onepath-"))


def _forget_old(root: Path, current: Path) -> None:
    """Remove folders of kernels that nobody has used for a month."""
    for folder in root.glob("kernels-*"):
        if folder != current and time.time() - folder.stat().st_mtime > _KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def cache_folder() -> Path:
    """Return the folder that holds the compiled kernels of these very sources.

    Returns
    -------
    Path
        Exists and is writable. Decided once per process.

    Raises
    ------
    OnepathError
        Neither the user's cache folder nor the temporary directory can be written.
    """
    name = f"kernels-{kernel_hash()}"
    folder = _user_cache_root() / name
    if _writable(folder):
        os.utime(folder)
        _forget_old(folder.parent, folder)
        return folder
    fallback = _private_temporary() / name
    if not _writable(fallback):
        raise OnepathError(
            f"no folder for compiled kernels: neither {folder} nor {fallback} can be written; "
            "set NUMBA_CACHE_DIR to a folder that can"
        )
    log.warning(
        "kernel cache %s cannot be written; compiled kernels go to %s. Set NUMBA_CACHE_DIR to choose another",
        folder,
        fallback,
    )
    return fallback


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel under the one policy of this module.

    Parameters
    ----------
    function : callable
        A module-level function of arrays and scalars. It calls other kernels by their
        module-level names: a jitted closure or a jitted function passed as an argument
        would miss the on-disk cache in every new process.

    Returns
    -------
    callable
        The compiled function; types are fixed at the first call.

    Examples
    --------
    >>> @njit
    ... def double_nb(x: float) -> float:
    ...     return 2.0 * x
    >>> double_nb(21.0)
    42.0
    """
    return _compiled(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel into each kernel that calls it, where a call would cost more than its work.

    Parameters
    ----------
    function : callable
        As for `njit`; called from one or two places, since each gets a copy.

    Returns
    -------
    callable

    Examples
    --------
    >>> @inlined
    ... def half_nb(x: float) -> float:
    ...     return 0.5 * x
    >>> half_nb(21.0)
    10.5
    """
    return _compiled(function, inline="always")


def _compiled(function: Callable[P, R], **options: str) -> Callable[P, R]:
    """Compile under the policy, cached in our own folder."""
    if _config.USING_SVML:
        raise OnepathError(
            "kernels need one logarithm for every row, but Numba runs with Intel SVML, whose vector and "
            "scalar results differ in the last bit; set NUMBA_DISABLE_INTEL_SVML=1 or import research first"
        )
    # A function typed at a prompt has no file whose hash could name its folder.
    on_disk = Path(function.__code__.co_filename).exists()
    before = _config.CACHE_DIR
    if on_disk:
        _config.CACHE_DIR = str(cache_folder())
    try:
        policy = _numba.njit(cache=on_disk, fastmath=False, error_model="numpy", nogil=True, **options)
        compiled = policy(function)
    finally:
        _config.CACHE_DIR = before
    return cast("Callable[P, R]", compiled)
