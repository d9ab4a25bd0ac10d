"""Why a request does not pass goes in, an error in OpenAI's form comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from starlette.exceptions import HTTPException


@final
class Refused(HTTPException):
    """A request that does not pass; `reason` is one word for logs and counters."""

    def __init__(self, status: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.reason = reason


def failure(status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(status)
    kind = kind or ("invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}
