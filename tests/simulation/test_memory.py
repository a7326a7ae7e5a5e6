"""The peak of memory, in a process that is fresh: pages that were freed before would be used again."""

import subprocess
import sys

PROGRAM = """
import mmap
from research.simulation.memory import PeakMemory

with PeakMemory() as nothing:
    pass
with PeakMemory() as some:
    with mmap.mmap(-1, 48 << 20) as pages:
        for at in range(0, 48 << 20, mmap.PAGESIZE):
            pages[at] = 1
print(nothing.mb, some.mb)
"""


def test_the_peak_is_of_what_was_held_and_given_back():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    nothing, some = map(float, done.stdout.split())
    # Where the mark cannot be set back, a span that adds nothing is not known, rather than 0.
    assert not nothing > 1.0
    assert 46.0 < some < 52.0
