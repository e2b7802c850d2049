"""Run several activations in threads, and stop in an orderly way when a person presses Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Result = TypeVar("Result")

POLL_SECONDS = 0.5
"""How long Ctrl-C may go unseen on systems that do not wake a waiting thread for it."""


@dataclass(frozen=True, slots=True)
class Job(Generic[Result]):
    """Something to do.

    Attributes:
        work: Does it.
        lane: Jobs of one lane are done one after the other; None for a job that is in nobody's way.
    """

    work: Callable[[], Result]
    lane: Hashable | None = None


@dataclass(slots=True)
class Runner(Generic[Result]):
    """Does jobs in threads, while the main thread waits for them and for a person.

    A job that has to wait for its lane takes up no thread: the next one that need not wait goes first.

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
    _waiting: dict[int, Job[Result]] = field(default_factory=dict, init=False)
    _under_way: dict[Future[None], Hashable | None] = field(default_factory=dict, init=False)

    def run(self, jobs: Sequence[Job[Result]]) -> None:
        """Do the jobs. Returns when all that were begun have ended.

        Raises:
            KeyboardInterrupt: A person pressed Ctrl-C a second time; jobs are still under way.
        """
        self._waiting = dict(enumerate(jobs))
        pool = ThreadPoolExecutor(max(1, min(self.threads, len(jobs))), thread_name_prefix="activation")
        try:
            self._work_off(pool)
        except KeyboardInterrupt:
            self.interrupted = True
            self._halted.set()
            self.stop()
            self._work_off(pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _work_off(self, pool: ThreadPoolExecutor) -> None:
        while self._begin_jobs(pool):
            done, _ = wait(self._under_way, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                del self._under_way[future]
                future.result()

    def _begin_jobs(self, pool: ThreadPoolExecutor) -> bool:
        """Begin what can be begun; return whether anything is under way."""
        if self._halted.is_set():
            self._waiting.clear()
        for position, job in list(self._waiting.items()):
            if len(self._under_way) >= max(1, self.threads):
                break
            if job.lane is None or job.lane not in self._under_way.values():
                del self._waiting[position]
                self.begun.add(position)
                self._under_way[pool.submit(self._do, position, job)] = job.lane
        return bool(self._under_way)

    def _do(self, position: int, job: Job[Result]) -> None:
        result = self.results[position] = job.work()
        if self.fail_fast and self.has_failed(result):
            self._halted.set()
