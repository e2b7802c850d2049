"""Syncs after runs, one at a time, and keeps what it has in hand from being taken by others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING

from dbt_activate.state.lease import HEARTBEAT
from dbt_activate.state.webhook_runs import State
from dbt_activate.webhook.lines import adopted, ended, in_words, postponed, unclosed

if TYPE_CHECKING:
    from dbt_activate.reporting.events import Emit
    from dbt_activate.state.webhook_runs import WebhookRun, WebhookRuns

Sync = Callable[["WebhookRun"], str]
"""Syncs after a run, and says in a few words what came of it."""

RETRY_SECONDS = (30.0, 120.0)
"""How long to wait before another try where no sync could be carried out at all."""

logger = logging.getLogger("dbt_activate.webhook")


class Worker:
    """Takes runs from a queue. `add` may be called from any thread, `work` runs in one."""

    def __init__(
        self, runs: WebhookRuns, sync: Sync, emit: Emit, retry_seconds: tuple[float, ...] = RETRY_SECONDS
    ) -> None:
        self._runs = runs
        self._sync = sync
        self._emit = emit
        self._retry_seconds = retry_seconds
        self._queue: SimpleQueue[WebhookRun | None] = SimpleQueue()
        self._in_hand: set[str] = set()
        self._others_at_work = False
        self._stopped = threading.Event()

    @property
    def in_hand(self) -> int:
        """How many runs wait or are being synced."""
        return len(self._in_hand)

    def add(self, run: WebhookRun) -> None:
        """Let a run be synced when its turn comes."""
        self._in_hand.add(run.dbt_run_id)
        self._queue.put(run)

    def adopt(self) -> None:
        """Take over the runs of processes that are gone."""
        orphans, self._others_at_work = self._runs.adopt()
        for run in orphans:
            self._emit(adopted(run))
            self.add(run)

    def beat(self) -> None:
        """Tell that this process is alive, and see whether others still are. What fails is tried later."""
        try:
            # Asked only while there is something to know: an idle warehouse may sleep, and cost nothing.
            if self._in_hand:
                self._runs.beat()
            if self._others_at_work:
                self.adopt()
        except Exception as error:
            logger.debug("the heartbeat", exc_info=True)
            logger.warning("the heartbeat failed: %s", in_words(error))

    def work(self) -> None:
        """Sync until stopped.

        Raises:
            KeyboardInterrupt: A person or a supervisor wants an end. What is in hand stays so.
        """
        keeper = threading.Thread(target=self._keep, name="webhook-heartbeat", daemon=True)
        keeper.start()
        while (run := self._queue.get()) and not self._stopped.is_set():
            self._carry_out(run)

    def stop(self) -> None:
        """Let `work` return after the run that is being synced."""
        self._stopped.set()
        self._queue.put(None)

    def _carry_out(self, run: WebhookRun) -> None:
        try:
            state, message = self._outcome(run)
        except _StoppedError:
            return
        try:
            self._runs.close(run, state, message)
        except Exception as error:
            logger.debug("run %s", run.dbt_run_id, exc_info=True)
            self._emit(unclosed(run, error))
        self._in_hand.discard(run.dbt_run_id)
        self._emit(ended(run, state, message))

    def _outcome(self, run: WebhookRun) -> tuple[State, str]:
        for seconds in (*self._retry_seconds, None):
            try:
                if self._runs.is_outdated(run):
                    return State.SKIPPED, "a later run of the job has ended meanwhile"
                return State.DONE, self._sync(run)
            except Exception as error:
                logger.debug("run %s", run.dbt_run_id, exc_info=True)
                if seconds is None:
                    return State.FAILED, in_words(error)
                self._emit(postponed(run, error, seconds))
                self._pause(seconds)
        raise AssertionError("the last try returns")

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise _StoppedError

    def _keep(self) -> None:
        while not self._stopped.wait(HEARTBEAT.total_seconds()):
            self.beat()


class _StoppedError(Exception):
    """The receiver ends while a run waits for another try."""
