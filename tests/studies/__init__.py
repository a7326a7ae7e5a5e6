"""Heavy studies, full size and many seeds: ``python -m tests.studies NAME``. CI runs a small one of each."""
