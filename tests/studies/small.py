"""The small version of a study, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path


def distributed(backend):
    """Run `distributed` with one backend: real workers, one killed; return what it found."""
    words = [sys.executable, "-m", "tests.studies.distributed", "--small", backend]
    run = subprocess.run(words, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert run.returncode == 0, run.stderr[-4000:]  # or nobody would know of what it died
    return json.loads(run.stdout.splitlines()[-1])
