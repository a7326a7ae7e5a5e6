"""The ray backend asked wrongly, in a process of its own: ray's threads outlive a test."""

import subprocess
import sys
from pathlib import Path


def test_a_ray_address_where_nobody_listens_is_refused_at_once():
    words = [sys.executable, "-c", _NOBODY]
    told = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert told.stdout.startswith("no ray cluster at '127.0.0.1:9' (Connection refused); start one with")


_NOBODY = """
from research.errors import BadValue
from research.simulation.on_ray import cluster
try:
    cluster(None, "127.0.0.1:9", None).__enter__()
except BadValue as refusal:
    print(refusal)
"""
