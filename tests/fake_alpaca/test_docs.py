"""docs/fake_alpaca.md says what is there: each kind of fault, and scripts that mean something."""

import ast
import re
from pathlib import Path

import pytest

from tests.fake_alpaca import KINDS, Calendar, Fault
from tests.fake_alpaca.faults import scope
from tests.fake_alpaca.worlds import MONDAY

PAGE = (Path(__file__).parents[2] / "docs" / "fake_alpaca.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ")
]
SCRIPTS = sorted(set(re.findall(r"(?:fake\.)?(fault\([^`\n]*\))", PAGE)))


def test_every_kind_is_on_the_page_beside_its_place():
    said: dict[str, set[str]] = {}
    for row in ROWS:
        if len(row) == 2 and (where := re.match(r'`"([^"]+)"', row[0])):
            kinds = set(re.findall(r"`([a-z_0-9]+)`", row[1]))
            said.setdefault(scope(where[1]), set()).update(kinds)
    assert said == {place: set(kinds) for place, kinds in KINDS.items()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_on_the_page_means_something(script):
    call = ast.parse(script.replace("…", "..."), mode="eval").body
    assert isinstance(call, ast.Call)
    where, kind = (ast.literal_eval(argument) for argument in call.args)
    assert Fault(where, kind).kind == kind


def test_a_calendar_of_its_own():
    one, other = Calendar.of(), Calendar.of()
    one.override(MONDAY, None)
    assert (one.on(MONDAY), other.on(MONDAY) is None) == (None, False)
