"""Run one benchmark by name, e.g. ``python -m tests.benchmarks features``."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

NAMES = sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py") if p.stem != "market")


def main() -> None:
    """Parse the name and hand over to that module's `main`."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES, help="what to measure")
    import_module(f"tests.benchmarks.{parser.parse_args().name}").main()


if __name__ == "__main__":
    main()
