"""How much memory a piece of work took at its peak, as the operating system counts it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from types import TracebackType

__all__ = ["PeakMemory"]

_MB = 1024.0 * 1024.0
_PROC = Path("/proc/self")


class PeakMemory:
    """Measure the peak of resident memory above where it stood at the beginning.

    On Linux the kernel's high-water mark is set back at the beginning, so the figure is
    exact. Where that is not allowed, an earlier and higher peak of the process hides this
    one, and the figure is NaN rather than too low. Memory that the process had freed and not
    given back is resident already: work that is done in it adds nothing.

    Attributes
    ----------
    mb : float
        The peak, MB (2**20 bytes); NaN before the end, and where it cannot be known.
    """

    def __init__(self) -> None:
        self.mb = float("nan")

    def __enter__(self) -> PeakMemory:
        try:
            (_PROC / "clear_refs").write_text("5")
        except OSError:
            self._mark = _high_water()
        else:
            self._mark = 0.0
        self._before = _resident()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read the peak."""
        peak = _high_water()
        self.mb = peak - self._before if peak > self._mark else float("nan")


def _resident() -> float:
    """Return the resident memory of this process, MB; its high-water mark where /proc is missing."""
    try:
        pages = int((_PROC / "statm").read_text().split()[1])
    except OSError:
        return _high_water()
    return pages * resource.getpagesize() / _MB


def _high_water() -> float:
    """Return the high-water mark of this process, MB."""
    try:
        status = (_PROC / "status").read_text()
        return float(status.split("VmHWM:")[1].split()[0]) / 1024.0
    except (OSError, IndexError):
        # Kilobytes on Linux, bytes on macOS.
        unit = _MB if sys.platform == "darwin" else 1024.0
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
