"""What every test runs under: property tests draw the same examples each time and are never timed."""

from hypothesis import settings

settings.register_profile("onepath", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("onepath")
