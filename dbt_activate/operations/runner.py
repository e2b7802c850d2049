"""Run several activations in threads, and stop in an orderly way when a person presses Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Result = TypeVar("Result")

POLL_SECONDS = 0.5
"""How long Ctrl-C may go unseen on systems that do not wake a waiting thread for it."""


@dataclass(slots=True)
class Runner(Generic[Result]):
    """Does jobs in threads, while the main thread waits for them and for a person.

    Attributes:
        threads: How many jobs may be under way at once.
        stop: Called in the waiting thread at the first Ctrl-C. Jobs under way are then waited for.
        has_failed: Tells whether a result is a failure.
        fail_fast: Whether no further job is begun after a failure.
        results: What the jobs returned, by their position; those that were not begun are missing.
        begun: The positions of the jobs that were begun.
        interrupted: Whether a person pressed Ctrl-C.
    """

    threads: int
    stop: Callable[[], None]
    has_failed: Callable[[Result], bool]
    fail_fast: bool = False
    results: dict[int, Result] = field(default_factory=dict, init=False)
    begun: set[int] = field(default_factory=set, init=False)
    interrupted: bool = field(default=False, init=False)
    _halted: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self, jobs: Sequence[Callable[[], Result]]) -> None:
        """Do the jobs. Returns when all that were begun have ended.

        Raises:
            KeyboardInterrupt: A person pressed Ctrl-C a second time; jobs are still under way.
        """
        pool = ThreadPoolExecutor(max(1, min(self.threads, len(jobs))), thread_name_prefix="activation")
        futures = [pool.submit(self._do, position, job) for position, job in enumerate(jobs)]
        try:
            self._wait(futures)
        except KeyboardInterrupt:
            self.interrupted = True
            self._halted.set()
            self.stop()
            self._wait(futures)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        for future in futures:
            future.result()

    def _do(self, position: int, job: Callable[[], Result]) -> None:
        if self._halted.is_set():
            return
        self.begun.add(position)
        result = self.results[position] = job()
        if self.fail_fast and self.has_failed(result):
            self._halted.set()

    @staticmethod
    def _wait(futures: Sequence[Future[None]]) -> None:
        while wait(futures, timeout=POLL_SECONDS).not_done:
            pass
