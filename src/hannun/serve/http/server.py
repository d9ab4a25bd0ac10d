"""A collection's path and settings go in; the service runs until it is told to stop, then finishes what it accepted."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from hannun.errors import InputError
from hannun.serve.http.settings import ServiceSettings

if TYPE_CHECKING:
    import uvicorn

    from hannun.serve.http.guard import Guard


def serve(path: str | Path, settings: ServiceSettings, *, create: bool = False, ready: str = "") -> None:
    """Serve the collection at `path` until SIGTERM or SIGINT; `ready` is said when the address is bound.

    Raises InputError for an address that is taken, or that other machines can reach while there are no keys.
    """
    import uvicorn

    from hannun.serve.http.app import application
    from hannun.serve.http.service import Service

    listening = _bind(settings)
    service = Service(path, settings, create)
    try:
        if not len(service.keys) and not settings.without_keys and not _loopback(settings.host):
            raise InputError(
                f"the address {settings.host} can be reached by other machines, and there are no keys; make one with "
                f"`hannun keys add NAME --in {path}`, or start with --without-keys (HANNUN_WITHOUT_KEYS=1)"
            )
        config = configuration(application(service), settings)
        if ready:
            print(ready.format(port=listening.getsockname()[1]), flush=True)
        running = uvicorn.Server(config)

        def stop(*_: object) -> None:
            running.should_exit = True

        # For a signal that comes before uvicorn listens to it, and for the one that uvicorn raises again after a full stop, which
        # would end the process as if it had been cut off.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, stop)
        running.run(sockets=[listening])
    finally:
        listening.close()
        service.close()


def configuration(app: Guard, settings: ServiceSettings) -> uvicorn.Config:
    """How uvicorn runs the service."""
    import uvicorn

    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=list(settings.proxy),
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(settings.timeout) + 1,
        h11_max_incomplete_event_size=32 * 2**10,
    )


def _bind(settings: ServiceSettings) -> socket.socket:
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((settings.host, settings.port))
        made.listen(2048)
    except (OSError, OverflowError) as e:
        reason = getattr(e, "strerror", None) or e
        raise InputError(f"cannot listen on {settings.host}:{settings.port} ({reason}); choose another --port or --host") from None
    made.set_inheritable(True)
    return made


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
