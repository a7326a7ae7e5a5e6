"""One function can place an order: held against the source of `live` and `research`.

The way out is a chain of four, and each link has one place: `send_admitted` (which takes what the risk door
let pass) → `AlpacaAccount.submit` → `Line.write` → `Talk.ask` → alpaca-py. A second place anywhere, called
or only named, by attribute or by text, fails here; so does any other library that could speak to the broker.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What may name a link, beside its own class: file to the functions in it.
SUBMIT = {"live/sending.py": {"send_admitted"}}
WRITE = {"live/alpaca.py": {"AlpacaAccount.submit", "AlpacaAccount.cancel"}}
ASK = {"live/line.py": {"Line.read", "Line.write"}}
REQUEST = {"live/talk.py": {"Talk._one"}}
# Modules that reach a network, and who may import them. Addresses (urllib.parse) are text.
NETWORK: dict[str, set[str]] = {
    "requests": {"live/talk.py"},
    "alpaca": {"live/talk.py"},
    "websockets": {"live/stream_line.py"},
    "httpx": set(), "aiohttp": set(), "http": set(), "urllib3": set(), "urllib.request": set(),
    "pycurl": set(),
}  # fmt: skip
# Rooms of research that may be given an account, or a way out: none.
BARRED_TO_RESEARCH = {
    f"live.{room}" for room in ("alpaca", "sending", "desk", "trader", "flattening", "winding")
}
THEIR_METHODS = {
    "submit_order", "replace_order_by_id", "close_position", "close_all_positions", "cancel_orders",
    "cancel_order_by_id", "exercise_options_position", "_one_request",
}  # fmt: skip
LINKS = {"submit", "replace", "write", "_request", "post", "patch"} | THEIR_METHODS


def spans(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node with the function that holds it, by its dotted name."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, holder = waiting.pop()
        for node in ast.iter_child_nodes(holder):
            inner = prefix
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{prefix}.{node.name}".lstrip(".")
            yield inner, node
            waiting.append((inner, node))


def is_allowed(where: dict[str, set[str]], file: str, function: str) -> bool:
    return function in where.get(file, set())


def last(node: ast.AST) -> str:
    """Return the last part of a dotted name, "" of anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def link(node: ast.AST) -> tuple[str, str]:
    """Return the name that a node takes of something, as an attribute or by text, and of what."""
    if isinstance(node, ast.Attribute) and node.attr in LINKS:
        return node.attr, ast.unparse(node.value)
    if isinstance(node, ast.Call) and len(node.args) > 1 and last(node.func) == "getattr":
        name = node.args[1]
        return (str(name.value) if isinstance(name, ast.Constant) else ""), ast.unparse(node.args[0])
    return "", ""


def imports(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    if isinstance(node, ast.Call) and last(node.func) in {"import_module", "__import__"}:
        return {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return set()


def faults(file: str, source: str) -> list[str]:
    """Return each place of a file that could be another way out."""
    told: list[str] = []
    ours = file.startswith("live/")
    if not ours and not any(
        word in source for word in (*NETWORK, *THEIR_METHODS, "live", "account", "line.")
    ):
        return told  # reading it closer would find nothing, slowly
    for function, node in spans(ast.parse(source)):
        name, of = link(node)
        on_account, on_line = "account" in of.casefold(), "line" in of.casefold()
        wrong = (
            (name == "submit" and (ours or on_account) and not is_allowed(SUBMIT, file, function))
            or (name == "replace" and on_account)
            or (name == "write" and (ours or on_line) and not is_allowed(WRITE, file, function))
            or (name == "_request" and not is_allowed(REQUEST, file, function))
            or (name in {"post", "patch"} and of != "self")
            or name in THEIR_METHODS
        )
        if wrong:
            told.append(f"{file}:{node.lineno}: {of}.{name}")  # type: ignore[attr-defined]
        # `ask` is also what a reconciliation found; what speaks is called with a method and a path.
        asks = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ask"
        if asks and not is_allowed(ASK, file, function):
            told.append(f"{file}:{node.lineno}: ask(…)")  # type: ignore[attr-defined]
        for module in imports(node):
            for library, doors in NETWORK.items():
                if (module == library or module.startswith(f"{library}.")) and file not in doors:
                    told.append(f"{file}:{node.lineno}: imports {module}")  # type: ignore[attr-defined]
            if not ours and module in BARRED_TO_RESEARCH:
                told.append(f"{file}:{node.lineno}: imports {module}")  # type: ignore[attr-defined]
    return told


@cache
def sources() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for room in ("live", "research")
        for path in sorted((ROOT / room).rglob("*.py"))
    }


def function_of(file: str, dotted: str) -> ast.FunctionDef:
    tree: ast.AST = ast.parse((ROOT / file).read_text())
    found = [node for name, node in spans(tree) if name == dotted and isinstance(node, ast.FunctionDef)]
    assert len(found) == 1, f"{dotted} is in {file} {len(found)} times"
    return found[0]


def methods(function: ast.FunctionDef, callee: str) -> list[str]:
    """Return the first arguments of the calls of an attribute in a function."""
    calls = [
        n for n in ast.walk(function) if isinstance(n, ast.Call) and ast.unparse(n.func).endswith(callee)
    ]
    return [ast.unparse(call.args[0]) for call in calls]


# --- the source --------------------------------------------------------------------------------


def test_there_is_one_way_out():
    told = [fault for file, source in sources().items() for fault in faults(file, source)]
    assert told == []


def test_what_places_orders_takes_only_what_the_door_let_pass():
    send = function_of("live/sending.py", "send_admitted")
    assert "Admitted" in [ast.unparse(a.annotation) for a in send.args.args if a.annotation is not None]
    assert methods(send, "submit") == ["fields"]
    # `Admitted` is made where the checks have been gone through, and nowhere else.
    made = [
        file
        for file, source in sources().items()
        if "Admitted" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and last(node.func) == "Admitted"
    ]
    assert made == ["live/risk.py"]


def test_each_link_says_one_thing_to_the_next():
    said = {name: methods(function_of("live/alpaca.py", f"AlpacaAccount.{name}"), "write") for name in
            ("submit", "cancel")}  # fmt: skip
    assert said == {"submit": ["'POST'"], "cancel": ["'DELETE'"]}
    assert methods(function_of("live/line.py", "Line.read"), "ask") == ["'GET'"]
    assert methods(function_of("live/line.py", "Line.write"), "ask") == ["method"]
    assert methods(function_of("live/talk.py", "Talk._one"), "_request") == ["method"]


def test_methods_other_than_get_are_named_at_the_account_alone():
    for file, source in sources().items():
        if not any(word in source for word in ("POST", "PATCH", "DELETE", "PUT")):
            continue
        words = {n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant)}
        assert not words & {"POST", "PATCH", "DELETE", "PUT"} or file == "live/alpaca.py", file


# --- a second way out is seen ------------------------------------------------------------------

PLANTED = [
    ("live/desk.py", "def sneak(account, fields):\n    return account.submit(fields)\n"),
    ("live/desk.py", "def sneak(account, fields):\n    go = account.submit\n    return go(fields)\n"),
    ("live/desk.py", "def sneak(account, fields):\n    return getattr(account, 'submit')(fields)\n"),
    ("live/sending.py", "def sneak(account, fields):\n    return account.submit(fields)\n"),
    ("live/alpaca.py", "def sneak(line, fields):\n    return line.write('POST', '/orders', fields)\n"),
    ("live/desk.py", "def sneak(self, fields):\n    return self._account.replace('id', fields)\n"),
    ("live/killing.py", "def sneak(account, body):\n    return account._line.write('POST', '/x', body)\n"),
    ("live/killing.py", "def sneak(talk, fields):\n    return talk.ask('POST', '/orders', fields)\n"),
    ("live/line.py", "def sneak(talk, fields):\n    return talk.ask('POST', '/orders', fields)\n"),
    ("live/talk.py", "def sneak(client, fields):\n    return client._request('POST', '/orders', fields)\n"),
    ("live/desk.py", "def sneak(client, order):\n    return client.submit_order(order)\n"),
    ("live/desk.py", "def sneak(client):\n    return client.close_all_positions()\n"),
    ("live/desk.py", "def sneak(session, url, body):\n    return session.post(url, json=body)\n"),
    ("live/desk.py", "import requests\n"),
    ("live/desk.py", "def sneak():\n    from urllib.request import urlopen\n"),
    ("live/desk.py", "from urllib import request\n"),
    ("live/desk.py", "import httpx\n"),
    ("live/desk.py", "import http.client\n"),
    ("live/desk.py", "import importlib\nimportlib.import_module('requests')\n"),
    ("live/vendor.py", "from alpaca.trading.client import TradingClient\n"),
    ("live/streams.py", "from websockets.sync.client import connect\n"),
    ("research/engine.py", "from live.alpaca import AlpacaAccount\n"),
    ("research/demo.py", "def sneak(account, fields):\n    return account.submit(fields)\n"),
    ("research/fetching.py", "def sneak(line, fields):\n    return line.write('POST', '/orders', fields)\n"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "planted"), PLANTED)
def test_a_second_way_out_is_seen(file, planted):
    source = (ROOT / file).read_text()
    assert faults(file, source) == []
    assert len(faults(file, f"{source}\n\n{planted}")) >= 1
