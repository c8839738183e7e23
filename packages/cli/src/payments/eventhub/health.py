"""GET /live, /ready and /metrics, as JSON: 200 when well, 503 with the reasons when not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from payments.errors import UserError
from payments.eventhub.condition import Condition

_SECONDS: Final = 5  # for one request


@contextmanager
def served(condition: Condition, host: str, port: int) -> Iterator[int]:
    """Yields the port, which is a free one where 0 was asked for."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_GET(self) -> None:
            status, body = _answer(condition, self.path)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name for it
            """A probe every few seconds is no news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise UserError(
            f"The health endpoint cannot listen on {host}:{port} ({error.strerror}). Choose another --health-port."
        ) from error
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(condition: Condition, path: str) -> tuple[HTTPStatus, dict[str, Any]]:
    match path:
        case "/live":
            reasons = condition.not_alive()
        case "/ready":
            reasons = condition.not_ready()
        case "/metrics":
            return HTTPStatus.OK, condition.metrics()
        case _:
            return HTTPStatus.NOT_FOUND, {"paths": ["/live", "/ready", "/metrics"]}
    return (HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK), {"reasons": reasons}
