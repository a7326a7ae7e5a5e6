"""The broker's limit on requests: so many a minute, then 429 with the headers that say when to come back."""

from __future__ import annotations

from collections import deque

from tests.fake_alpaca.wire import Response


class Limiter:
    """Counts requests by key over a sliding minute of the clock it is told."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[float]] = {}

    def take(self, key: str, now: float, allowed: int | None) -> dict[str, str] | Response:
        """Count a request; return the headers to send with its answer, or the 429."""
        if allowed is None:
            return {}
        sent = self._sent.setdefault(key, deque())
        while sent and sent[0] <= now - 60.0:
            sent.popleft()
        free = len(sent) < allowed
        if free:
            sent.append(now)
        wait = sent[0] + 60.0 - now if sent else 60.0
        headers = {
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Remaining": str(max(0, allowed - len(sent))),
            "X-RateLimit-Reset": str(int(now + wait) + 1),
        }
        if free:
            return headers
        told = {**headers, "Retry-After": str(int(wait) + 1)}
        return Response.of(429, {"code": 42910000, "message": "rate limit exceeded"}, told)
