"""Measured speed: ``python -m tests.benchmarks features | stream | start``. No test asserts a time."""
