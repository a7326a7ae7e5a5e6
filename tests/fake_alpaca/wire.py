"""HTTP/1.1 over a plain socket, so that an answer can go wrong byte by byte.

Header and body leave in one write: two cost 44 ms per request through delayed acknowledgements.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fake_alpaca.faults import Fault, edited

REASONS = {
    200: "OK", 204: "No Content", 207: "Multi-Status", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip
HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0} {1}</h1></body></html>"


@dataclass(frozen=True)
class Head:
    """A request as it came in; `raw` is the bytes up to the blank line, for a websocket's handshake."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    raw: bytes

    def json(self) -> Any:
        """Return the body as JSON, None if there is none or it is no JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


@dataclass
class Response:
    """An answer before it is bytes."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
        """Return JSON; nothing at all for 204."""
        if status == 204:
            return cls(status, "", dict(headers or {}))
        told = {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}
        return cls(status, json.dumps(value), told)

    def to_bytes(self) -> bytes:
        """Return status line, header and body."""
        body = self.body.encode()
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


class Reader:
    """Lines and bytes from a socket, without holding it open as `makefile` does: a reset must be at once."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._buffer = sock, b""

    def _more(self) -> bool:
        data = self._sock.recv(65536)
        self._buffer += data
        return bool(data)

    def _take(self, n: int) -> bytes:
        data, self._buffer = self._buffer[:n], self._buffer[n:]
        return data

    def readline(self) -> bytes:
        """Return bytes up to a line's end, that included; what there is when the peer has gone."""
        while b"\n" not in self._buffer and self._more():
            pass
        at = self._buffer.find(b"\n") + 1
        return self._take(at or len(self._buffer))

    def read(self, n: int) -> bytes:
        """Return `n` bytes, or fewer when the peer has gone."""
        while len(self._buffer) < n and self._more():
            pass
        return self._take(n)


def read(stream: Reader) -> Head | None:
    """Read one request; None when the client has gone."""
    first = stream.readline()
    if not first or b" " not in first:
        return None
    raw, headers = first, {}
    while (line := stream.readline()) not in {b"\r\n", b"\n", b""}:
        raw += line
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    method, target, _ = first.decode("latin-1").split(" ", 2)
    parts = urlsplit(target)
    body = stream.read(int(headers.get("content-length", "0")))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Head(method, unquote(parts.path), query, headers, body, raw + b"\r\n")


def reset(sock: socket.socket) -> None:
    """Close a connection with RST: what was sent and not yet read is lost."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def spoiled(fault: Fault, true: Response) -> Response:
    """Return what a fault of content makes of an answer."""
    kind = fault.kind
    if kind.isdigit():
        status = int(kind)
        code = fault.arg("code", status * 100_000)
        body = {"code": code, "message": fault.arg("message", REASONS.get(status, "error").lower())}
        headers = dict(fault.arg("headers", {}))
        if status == 429:
            headers = {
                "Retry-After": "1",
                "X-RateLimit-Limit": "200",
                "X-RateLimit-Remaining": "0",
                **headers,
            }
        if fault.arg("html", False):
            page = HTML.format(status, REASONS.get(status, ""))
            return Response(status, page, {"Content-Type": "text/html", **headers})
        if "text" in fault.args:
            return Response(status, fault.args["text"], {"Content-Type": "application/json", **headers})
        return Response.of(status, fault.arg("body", body), headers)
    if kind == "empty":
        return Response(200, "", {"Content-Type": "application/json"})
    if kind == "null":
        return Response.of(200, None)
    if kind == "html":
        status = fault.arg("status", 200)
        return Response(status, HTML.format(status, REASONS.get(status, "")), {"Content-Type": "text/html"})
    if kind == "redirect":
        return Response(302, "", {"Location": "https://status.example.invalid/"})
    if kind == "malformed":
        whole = true.body or '{"id": "'
        return Response(200, whole[: max(1, len(whole) * 2 // 3)], dict(true.headers))
    if kind == "edit" and true.body and true.status < 400:
        return Response.of(true.status, edited(json.loads(true.body), fault.args), true.headers)
    return true


def deliver(sock: socket.socket, faults: list[Fault], true: Response, stop: threading.Event) -> bool:
    """Write an answer as the faults have it; False when the connection is over."""
    response = true
    for fault in faults:
        response = spoiled(fault, response)
    data = response.to_bytes()
    for fault in faults:
        if fault.kind in {"reset", "refuse", "black_hole"}:
            reset(sock)
            return False
        if fault.kind == "close":
            return False
        if fault.kind == "mute":
            seconds = fault.arg("seconds", 0.0)
            stop.wait(seconds or None)
            return False
        if fault.kind == "slow":
            stop.wait(fault.arg("seconds", 1.0))
        if fault.kind == "truncated":
            sock.sendall(data[: max(len(data) - max(1, len(response.body) // 2), 1)])
            return False
        if fault.kind == "drip":
            for at in range(len(data)):
                if stop.wait(fault.arg("seconds", 1.0)):
                    return False
                sock.sendall(data[at : at + 1])
            return True
    sock.sendall(data)
    return True


ANSWERS_TRULY = frozenset({"slow", "drip", "truncated", "edit", "fill_first", "repeat_page"})


def acts(faults: list[Fault]) -> bool:
    """Whether the broker acts on a request that these faults strike."""
    return all(fault.kind in ANSWERS_TRULY or fault.commit == "after" for fault in faults)
