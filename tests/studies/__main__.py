"""Run one study by name, e.g. ``python -m tests.studies drift``; further words go to the study."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

NAMES = sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py") if not p.stem.startswith("test_"))


def main() -> None:
    """Parse the name and hand the rest over to that module's `main`."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies", description=__doc__)
    parser.add_argument("name", choices=NAMES, help="what to study")
    known, rest = parser.parse_known_args()
    import_module(f"tests.studies.{known.name}").main(rest)


if __name__ == "__main__":
    main()
