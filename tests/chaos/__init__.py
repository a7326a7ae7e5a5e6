"""Random faults against the trader: ``python -m tests.chaos --seeds 1000``."""
