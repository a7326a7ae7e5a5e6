"""Entry point of `python -m research`."""

from __future__ import annotations

import sys

from research.console import interrupted, leave

if __name__ == "__main__":
    try:
        from research.cli import main

        status = main()
    except KeyboardInterrupt:  # while the command was still being loaded
        status = interrupted("python -m research")
    if status:
        leave(status)
    sys.exit()
