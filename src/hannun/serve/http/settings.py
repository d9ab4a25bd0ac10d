"""Environment variables go in, one frozen record of the service's settings comes out; docs/service.md lists them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hannun.errors import InputError

_POSITIVE = ("batch", "in_flight", "body", "body_time", "body_rate", "receiving", "pixels", "inputs", "jobs", "timeout", "remember")


@dataclass(frozen=True)
class ServiceSettings:
    """How a service runs. Each field is read from HANNUN_ and its name in capitals: `HANNUN_TIMEOUT=10`."""

    host: str = "127.0.0.1"
    port: int = 8470
    proxy: tuple[str, ...] = ()  # addresses of proxies whose X-Forwarded-For is believed
    without_keys: bool = False  # serve other machines without keys
    hosts: tuple[str, ...] = ()  # further names that requests may be addressed to: the public name behind a proxy
    keys: Path | None = None  # the file of API keys; beside the collection when left out
    state: Path | None = None  # accepted work and kept pictures; inside the collection's folder when left out
    threads: int = 0  # engine calls at a time; 0 is one for each core, at least 2
    batch: int = 16  # queries of one pass of the encoder
    batch_wait: float = 0.0  # seconds that the first query of a batch waits for more; 0: a batch is what came during the last one
    remember: int = 4096  # vectors of queries kept in memory
    in_flight: int = 128  # requests at work or waiting at a time; more are answered 429
    rate: float = 0.0  # requests per minute and key (or address, without keys); 0 is no limit. A key's own rate goes first
    body: int = 32 * 2**20  # bytes of a request
    body_time: float = 60.0  # seconds for a request's body
    body_rate: int = 500  # bytes a second that a body must come in, after its first ten seconds
    receiving: int = 1024  # bodies that are being received at a time; more are answered 429
    pixels: int = 50_000_000  # of a picture that is sent
    inputs: int = 2048  # contents of one request for vectors: as many as OpenAI takes
    jobs: int = 256  # accepted and unfinished jobs; more are answered 429
    timeout: float = 30.0  # seconds for a request
    grace: float = 60.0  # seconds to finish accepted work when told to stop; the rest is kept on disk and done after the next start
    fetch: tuple[str, ...] = ()  # hosts from which pictures may be fetched by URL; "*" is every public one; none: URLs are refused
    thumbnails: bool = True  # keep a thumbnail of every picture, so that the page survives moved files

    @staticmethod
    def of(environment: Mapping[str, str] | None = None, **given: Any) -> ServiceSettings:
        """The settings that the environment gives; what is `given` and not None goes first. Raises InputError with the variable's name."""
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for field in dataclasses.fields(ServiceSettings):
            text = environment.get(f"HANNUN_{field.name.upper()}", "").strip()
            if text:
                values[field.name] = _read(field.name, text, field.default)
        values |= {k: v for k, v in given.items() if v is not None}
        made = ServiceSettings(**values)
        for name in _POSITIVE:
            if getattr(made, name) <= 0:
                raise InputError(f"HANNUN_{name.upper()} is {getattr(made, name)}, expected more than 0")
        # A vector must outlive the request it was made for.
        return dataclasses.replace(
            made, remember=max(made.remember, 2 * made.in_flight), threads=made.threads or max(2, os.cpu_count() or 2)
        )


def _read(name: str, text: str, default: object) -> object:
    try:
        match default:
            case bool():
                return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
            case int():
                return int(text)
            case float():
                return float(text)
            case tuple():
                return tuple(p.strip().lower() for p in text.split(",") if p.strip())
            case None:
                return Path(text)
        return text
    except (ValueError, KeyError):
        kind = {"bool": "yes or no", "int": "a whole number", "float": "a number"}[type(default).__name__]
        raise InputError(f"HANNUN_{name.upper()} is {text!r}, expected {kind}") from None
