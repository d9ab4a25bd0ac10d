"""Why a request does not pass goes in, an error in OpenAI's form comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from starlette.exceptions import HTTPException

from hannun.errors import neighbours


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


def malformed(errors: Sequence[Mapping[str, Any]], known: Iterable[str], media: str) -> tuple[str, str | None]:
    """What is said of a request that does not follow the schema, and the field that it is about.

    Args:
        errors: pydantic's, the first of which is told.
        known: the fields that the body may have.
        media: the type that the request gives its body.
    """
    first = errors[0]
    inside = [str(p) for p in first["loc"] if p != "body"]
    place, more = ".".join(inside), f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "json_invalid":  # its place is a number of characters, and no field
        return f"the body is not JSON ({first['ctx']['error']} at character {place}); send one whole JSON object in UTF-8", None
    if not place and "json" not in media:
        return f"the body came as {media or 'no type'}, expected a JSON object; send the header Content-Type: application/json", None
    if first["type"] == "extra_forbidden" and len(inside) == 1 and (fields := list(known)):
        return f"there is no field {place!r}; {neighbours(place, fields)}{more}", place
    return f"{place or 'the body'}: {first['msg']}{more}", place or None
