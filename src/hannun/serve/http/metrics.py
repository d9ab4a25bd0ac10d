"""What happens in the service goes in (requests, batches, refusals), Prometheus' text form comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@final
class Metrics:
    """The service's counters, in a registry of their own: two services in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        on = self._registry
        self.requests = Counter("hannun_requests", "Answered requests.", ["method", "route", "status"], registry=on)
        self.seconds = Histogram(
            "hannun_request_seconds", "From the first byte to the answer's head.", ["route"], buckets=_SECONDS, registry=on
        )
        self.refused = Counter("hannun_refused", "Requests refused at the door, by reason.", ["reason"], registry=on)
        self.in_flight = Gauge("hannun_in_flight", "Requests at work or waiting now.", registry=on)
        self.batches = Histogram(
            "hannun_batch_size", "Contents of one pass of the encoder.", ["kind"], buckets=(1, 2, 4, 8, 16, 32, 64), registry=on
        )
        self.encoding = Counter("hannun_encode_seconds", "Seconds the encoder has worked.", ["kind"], registry=on)

    def batch(self, kind: str, rows: int, seconds: float) -> None:
        """A batch was encoded."""
        self.batches.labels(kind).observe(rows)
        self.encoding.labels(kind).inc(seconds)

    def watch(self, name: str, said: str, read: Callable[[], float]) -> None:
        """A gauge that is read when somebody asks."""
        Gauge(f"hannun_{name}", said, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        """Everything, in Prometheus' text form."""
        return generate_latest(self._registry)
