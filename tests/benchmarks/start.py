"""How long the live runner takes to start, take one bar and stop, its kernels already compiled.

`python -m tests.benchmarks start`: each run is a process of its own, imports included. Asserts nothing.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIGHT = ("vectorbt", "plotly", "pandas", "sklearn")
CODE = """
import sys
from live.cli import main
try:
    main()
finally:
    print(*(name for name in {light} if name in sys.modules), file=sys.stderr)
"""


def once(journal: Path) -> tuple[float, str]:
    """Return the seconds of one start, and which heavy libraries it imported."""
    arguments = ["--replay", "--once", "--quiet", "--journal", str(journal)]
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(light=LIGHT), *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - begun, done.stderr.strip()


def main(arguments: Sequence[str] = ()) -> int:
    """Print the median and range of several starts, the first (which may compile) apart."""
    runs = int(arguments[0]) if arguments else 7
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "run.sqlite"
        first, _ = once(journal)
        before = os.times()
        found = [once(journal) for _ in range(runs)]
        after = os.times()
    seconds = [s for s, _ in found]
    heavy = " ".join(sorted({h for _, h in found if h}))
    used = (
        after.children_user - before.children_user + after.children_system - before.children_system
    ) / runs
    print(f"live.runner --replay --once: {runs} starts, each with the next bar, journal and imports included")
    print(f"  first start   {first:6.2f} s  (compiles, if the cache is cold)")
    print(f"  median        {statistics.median(seconds):6.2f} s  (target: 5 s)")
    print(f"  range         {min(seconds):6.2f} s to {max(seconds):.2f} s")
    print(f"  processor     {used:6.2f} s a start")
    print(f"  of {', '.join(LIGHT)} it imported: {heavy or 'none'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
