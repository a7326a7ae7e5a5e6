"""Run one benchmark by name, e.g. ``python -m tests.benchmarks features``; further words go to it."""

from __future__ import annotations

import argparse
from importlib import import_module
from inspect import signature
from pathlib import Path

NAMES = sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py") if p.stem != "market")


def main() -> None:
    """Parse the name and hand over to that module's `main`."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES, help="what to measure")
    known, rest = parser.parse_known_args()
    benchmark = import_module(f"tests.benchmarks.{known.name}")
    benchmark.main(*([rest] if signature(benchmark.main).parameters else []))


if __name__ == "__main__":
    main()
