"""dbt Cloud on a real socket, as its Administrative API (version 2) is described.

``GET /api/v2/accounts/{account}/runs/{run}/`` and ``…/artifacts/{path}?step=``, with the token in the header
``Authorization: Token …``. Without ``step``, the artifacts are those of the last step.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

ACCOUNT, TOKEN = 4711, "dbtc_made-up-token"
WORDS = {1: "Queued", 2: "Starting", 3: "Running", 10: "Success", 20: "Error", 30: "Cancelled"}
FINAL = (10, 20, 30)

_RUN = re.compile(r"/api/v2/accounts/(\d+)/runs/(\d+)/")
_ARTIFACT = re.compile(r"/api/v2/accounts/(\d+)/runs/(\d+)/artifacts/(.+)")


@dataclass
class Run:
    """A run of a job.

    Attributes:
        statuses: Its status each time that it is asked for; the last one for ever.
        steps: The artifacts of each step, by name.
        unsaved: How many more times it says, once it has ended, that its artifacts are not saved.
        is_saved: Whether it said that they are: they cannot be had before.
    """

    statuses: deque[int]
    steps: tuple[Mapping[str, bytes], ...]
    unsaved: int = 0
    is_saved: bool = False

    def status(self) -> int:
        """Return the status, and go on to the next."""
        return self.statuses.popleft() if len(self.statuses) > 1 else self.statuses[0]

    def save(self, status: int) -> bool:
        """Say whether the artifacts are saved, which takes a while after the end."""
        if status in FINAL:
            self.is_saved, self.unsaved = self.unsaved == 0, max(0, self.unsaved - 1)
        return self.is_saved


@dataclass
class Fault:
    """An answer in place of the right one.

    Attributes:
        status: The HTTP status.
        headers: What it has beside the usual ones.
        silent: Do not answer at all until the server stops.
        cut: Send only half of the right body, as if it were the whole.
    """

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    cut: bool = False


class DbtCloudServer(ThreadingHTTPServer):
    """One account. Use it as a context manager."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[int, Run] = {}
        self.faults: deque[Fault | None] = deque()
        self.asked: list[str] = []
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead to it."""
        return {
            "DBT_CLOUD_HOST": self.url,
            "DBT_CLOUD_ACCOUNT_ID": str(ACCOUNT),
            "DBT_CLOUD_API_TOKEN": TOKEN,
        }

    def add_run(
        self, run_id: int, *steps: Mapping[str, bytes], statuses: Iterable[int] = (10,), unsaved: int = 0
    ) -> None:
        """Let there be a run."""
        self.runs[run_id] = Run(deque(statuses), steps, unsaved)

    def __enter__(self) -> DbtCloudServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = cast("DbtCloudServer", self.server)
        server.asked.append(self.path)
        fault = server.faults.popleft() if server.faults else None
        if fault and fault.silent:
            server.stopped.wait(30)
            self.close_connection = True
        elif fault and not fault.cut:
            self._answer(fault.status, _envelope(fault.status, None), fault.headers)
        else:
            status, content = self._right_answer(server)
            self._answer(status, content[: len(content) // 2] if fault else content)

    def _right_answer(self, server: DbtCloudServer) -> tuple[int, bytes]:
        if self.headers.get("Authorization") not in (f"Token {TOKEN}", f"Bearer {TOKEN}"):
            return 401, _envelope(401, None)
        target = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if found := _RUN.fullmatch(target.path):
            run = server.runs.get(int(found[2])) if int(found[1]) == ACCOUNT else None
            return (404, _envelope(404, None)) if run is None else (200, _run(int(found[2]), run, query))
        if found := _ARTIFACT.fullmatch(target.path):
            run = server.runs.get(int(found[2])) if int(found[1]) == ACCOUNT else None
            content = run and _artifact(run, found[3], query)
            return (200, content) if content is not None else (404, _envelope(404, None))
        return 404, _envelope(404, None)

    def _answer(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _artifact(run: Run, name: str, query: Mapping[str, str]) -> bytes | None:
    step = int(query.get("step", len(run.steps)))
    if not run.is_saved:
        return None
    return run.steps[step - 1].get(name) if 0 < step <= len(run.steps) else None


def _run(run_id: int, run: Run, query: Mapping[str, str]) -> bytes:
    status = run.status()
    data: dict[str, Any] = {
        "id": run_id,
        "account_id": ACCOUNT,
        "status": status,
        "status_humanized": WORDS[status],
        "is_complete": status in FINAL,
        "is_success": status == 10,
        "is_error": status == 20,
        "is_cancelled": status == 30,
        "artifacts_saved": run.save(status),
    }
    if "run_steps" in query.get("include_related", ""):
        data["run_steps"] = [
            {"index": number, "name": "Invoke dbt"} for number in range(1, len(run.steps) + 1)
        ]
    return _envelope(200, data)


def _envelope(code: int, data: Any) -> bytes:
    words = {200: "Success!", 401: "Invalid token.", 404: "The requested resource was not found."}
    status = {
        "code": code,
        "is_success": code == 200,
        "user_message": words.get(code, "Something went wrong."),
        "developer_message": "",
    }
    return json.dumps({"status": status, "data": data}).encode()
