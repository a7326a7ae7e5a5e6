"""Entry point of `python -m research`."""

from __future__ import annotations

import sys

from research.console import interrupted

if __name__ == "__main__":
    try:
        from research.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while the command was still being loaded
        sys.exit(interrupted("python -m research"))
