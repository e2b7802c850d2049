"""The receiver: it listens in a thread, and syncs in the one that calls `serve`, where Ctrl-C arrives."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbt_activate.errors import ActivateError, ConfigError
from dbt_activate.webhook.intake import ANSWER_SECONDS, Concern, Intake
from dbt_activate.webhook.lines import left, listening
from dbt_activate.webhook.worker import RETRY_SECONDS, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.reporting.events import Emit
    from dbt_activate.state.webhook_runs import WebhookRuns
    from dbt_activate.webhook.server import Server
    from dbt_activate.webhook.worker import Sync

SECRET = "DBT_CLOUD_WEBHOOK_SECRET"  # noqa: S105  (the name of it)


class Receiver:
    """Takes deliveries and syncs. `serve` stays in the foreground; as a context manager it does not."""

    def __init__(
        self,
        secret: str,
        concern: Concern,
        runs: WebhookRuns,
        sync: Sync,
        emit: Emit,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        answer_seconds: float = ANSWER_SECONDS,
        retry_seconds: tuple[float, ...] = RETRY_SECONDS,
    ) -> None:
        """Make ready; nothing is listened to yet.

        Args:
            secret: The webhook's.
            concern: Which runs are to be synced.
            runs: Where they are noted.
            sync: Syncs after one.
            emit: Is told what happens.
            host: Where to listen.
            port: Where to listen; 0 for any free one.
            answer_seconds: How long noting a run may take before dbt Cloud is asked to deliver it again.
            retry_seconds: The waits before another try where no sync could be carried out at all.
        """
        self._runs = runs
        self._emit = emit
        self._address = host, port
        self._jobs = concern.jobs
        self._worker = Worker(runs, sync, emit, retry_seconds)
        self._intake = Intake(secret, concern, runs, self._worker, emit, answer_seconds)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where deliveries are to be sent.

        Raises:
            RuntimeError: It does not listen.
        """
        if self._server is None:
            raise RuntimeError("The receiver has no address until it is started.")
        return self._server.url

    def serve(self) -> None:
        """Listen and sync until interrupted (Ctrl-C, or SIGTERM in the command line).

        What is being synced then ends in an orderly way, and is done again by the next start, as is what
        waits.

        Raises:
            ActivateError: The address or the warehouse cannot be had.
        """
        self._start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._worker.work()
        finally:
            self._stop()

    def __enter__(self) -> Self:
        self._start()
        self._thread = threading.Thread(target=self._worker.work, name="webhook-worker", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.stop()
        if self._thread:
            self._thread.join()
        self._stop()

    def _start(self) -> None:
        from dbt_activate.webhook.server import Server

        self._runs.prepare()
        self._worker.adopt()
        self._server = Server(self._intake, *self._address)
        self._emit(listening(self._server.url, self._jobs))

    def _stop(self) -> None:
        if self._server:
            self._server.stop()
        self._intake.close()
        self._worker.stop()
        if self._worker.in_hand:
            with contextlib.suppress(ActivateError):  # the next start waits a little longer then
                self._runs.release()
        self._emit(left(self._worker.in_hand))


def read_secret(environment: Mapping[str, str]) -> str:
    """Read the webhook's secret.

    Raises:
        ConfigError: It is not set.
    """
    if secret := environment.get(SECRET, "").strip():
        return secret
    raise ConfigError(f"{SECRET} is not set. dbt Cloud shows it once, when the webhook is made.")
