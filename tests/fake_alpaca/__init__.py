"""A broker to test against, and to try paper trading without an account: docs/fake_alpaca.md.

`FakeAlpaca` is the server; `Settings` what can be chosen; `Fault` one line of the script of faults; `Names`
faults of name resolution, which are the client's side.
"""

from tests.fake_alpaca.faults import KINDS, Fault
from tests.fake_alpaca.server import FakeAlpaca
from tests.fake_alpaca.sessions import Calendar
from tests.fake_alpaca.settings import Settings

__all__ = ["KINDS", "Calendar", "FakeAlpaca", "Fault", "Settings"]
