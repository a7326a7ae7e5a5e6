"""Entry point of `python -m research`."""

from __future__ import annotations

import sys

from research.cli import main

if __name__ == "__main__":
    sys.exit(main())
