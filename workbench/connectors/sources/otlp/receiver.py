"""A small OTLP/HTTP receiver: what is sent here is kept as OTLP files, for `Otlp` to read.

It is for an investigation, not for production: it listens on this machine alone, keeps every
request whole, and says no where it cannot (OTLP specification, "OTLP/HTTP").
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.connectors.reading.files import ungzipped
from workbench.connectors.reading.rows import json_of
from workbench.connectors.sources.otlp.payload import SIGNALS, decoded
from workbench.errors import SourceError, SourceGarbled, SourceRefused
from workbench.writing import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Receiver", "receiving"]

_PATHS: dict[str, Any] = {f"/v1/{signal}": signal for signal in SIGNALS}


class Receiver(ThreadingHTTPServer):
    """Receives export requests and appends them to ``<signal>.jsonl`` in a folder.

    Parameters
    ----------
    folder
        Where the files are kept; made where it is not there.
    port
        Of loopback; 0 takes a free one.
    cap_bytes
        Largest request, unpacked; larger ones are refused with 413.
    """

    daemon_threads = True

    def __init__(self, folder: Path | str, *, port: int = 0, cap_bytes: int = 32_000_000) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        self.cap_bytes = cap_bytes
        self.received: dict[str, int] = dict.fromkeys(SIGNALS, 0)
        self.refused = 0
        self._writing = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """What exporters are given as their endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def keep(self, signal: str, document: object) -> int:
        """Append one request, on the disk before it is acknowledged.

        What a killed receiver left of a line is ended first, so that it spoils no other.

        Returns
        -------
        int
            Requests of this signal so far.

        Raises
        ------
        SourceRefused
            It cannot be kept: the disk is full or read-only.
        """
        line = json.dumps(document, separators=(",", ":")).encode("utf-8", "backslashreplace")
        path = self.folder / f"{signal}.jsonl"
        with self._writing:
            try:
                with path.open("ab") as file:
                    file.write(_line_end(path) + line + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                fact = f"It cannot be kept ({error.strerror or type(error).__name__})"
                raise SourceRefused(fact, value=signal) from error
            self.received[signal] += 1
            return self.received[signal]


def _line_end(path: Path) -> bytes:
    """End a line that was cut short."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return b""
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        signal = _PATHS.get(self.path.partition("?")[0])
        try:
            data = self._body()
        except SourceError as error:
            self._say(413, str(error))
            return
        if signal is None:
            self._say(404, f"no such path; one of {', '.join(_PATHS)}")
            return
        try:
            self.server.keep(signal, self._document(data, signal))
        except SourceGarbled as error:
            self._say(400, str(error))
            return
        except SourceRefused as error:
            self._say(503, str(error))
            return
        self._say(200, "")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - as inherited
        """Keep quiet: requests may hold what is not to be seen."""

    def _body(self) -> bytes:
        told = self.headers.get("content-length", "")
        size = int(told) if told.isdigit() else -1
        if not 0 <= size <= self.server.cap_bytes:
            self.close_connection = True
            raise SourceRefused(fact="A request without a length, or too large", value=told)
        data = self.rfile.read(size)
        if self.headers.get("content-encoding", "") != "gzip":
            return data
        plain, trouble = ungzipped(data, cap_bytes=self.server.cap_bytes)
        if trouble is not None:
            raise trouble
        return plain

    def _document(self, data: bytes, signal: Any) -> object:  # noqa: ANN401
        kind = self.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "application/x-protobuf":
            return decoded(data, signal)
        document = json_of(data)
        if not isinstance(document, dict):
            raise SourceGarbled(fact="Not an export request", value=str(document)[:100])
        return document

    def _say(self, status: int, message: str) -> None:
        self.server.refused += status != HTTPStatus.OK
        body = b"{}" if status == HTTPStatus.OK else json.dumps({"message": message}).encode()
        if status == HTTPStatus.OK and "protobuf" in self.headers.get("content-type", ""):
            body = b""  # an empty message: everything was taken
        self.send_response(status)
        kind = (
            self.headers.get("content-type", "application/json") if status == HTTPStatus.OK else ""
        )
        self.send_header("content-type", kind or "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def receiving(
    folder: Path | str, *, port: int = 0, cap_bytes: int = 32_000_000
) -> Iterator[Receiver]:
    """Run a `Receiver` in a thread of its own for as long as the block lasts."""
    receiver = Receiver(folder, port=port, cap_bytes=cap_bytes)
    thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join(5)
        receiver.server_close()
