"""Send deliveries, several at once, removals before additions, and tell what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import attrgetter

from dbt_activate.delivery import Delivery, Receipt
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    UnavailableError,
)
from dbt_activate.sync.plan import PlannedDelivery

Send = Callable[[Delivery], Receipt]
Answer = Receipt | DestinationError

TICK_SECONDS = 1.0

PATIENCE = 3
"""After so many deliveries in a row that the destination was unavailable for, no more are sent."""

_POINTLESS = (AuthenticationError, AccessError, AudienceGoneError)
"""Errors after which no other delivery can do better."""


@dataclass(slots=True)
class Pusher:
    """One run's pushing.

    Attributes:
        send: Sends one delivery, in one of several threads.
        concurrency: How many deliveries may be under way at once.
        answered: Called in the pushing thread with each delivery and its answer.
        tick: Called in the pushing thread every now and then. May raise to stop.
        tick_seconds: How often `tick` is called while answers are awaited.
        stopped_by: Why no more deliveries were sent before all were; None if all were sent.
    """

    send: Send
    concurrency: int
    answered: Callable[[PlannedDelivery, Answer], None]
    tick: Callable[[], None]
    tick_seconds: float = TICK_SECONDS
    stopped_by: Exception | None = field(default=None, init=False)
    _unavailable: int = field(default=0, init=False)

    def push(self, deliveries: Iterable[PlannedDelivery]) -> None:
        """Send deliveries until all are answered, or it is pointless to go on.

        Returns normally also when stopped; see `stopped_by`. What is under way is always waited for,
        since an answer that nobody reads leaves an outcome unknown.
        """
        with self._pool() as pool:
            for _, group in groupby(deliveries, key=attrgetter("operation")):
                self._push_group(pool, group)

    def _push_group(self, pool: ThreadPoolExecutor, deliveries: Iterator[PlannedDelivery]) -> None:
        under_way: dict[Future[Receipt], PlannedDelivery] = {}
        try:
            while self.stopped_by is None:
                room = self.concurrency - len(under_way)
                under_way |= {pool.submit(self._deliver, d): d for d in islice(deliveries, room)}
                if not under_way:
                    return
                self._collect(under_way)
                self.tick()
        except Exception as reason:  # also a warehouse that cannot be told: what is under way is awaited
            self.stopped_by = reason
        while under_way:
            self._collect(under_way)

    def _collect(self, under_way: dict[Future[Receipt], PlannedDelivery]) -> None:
        done, _ = wait(under_way, timeout=self.tick_seconds, return_when=FIRST_COMPLETED)
        for future in done:
            self._note(under_way.pop(future), future)

    def _note(self, delivery: PlannedDelivery, future: Future[Receipt]) -> None:
        try:
            answer: Answer = future.result()
        except DestinationError as error:
            answer = error
        except Exception as error:
            self.stopped_by = self.stopped_by or error
            return
        self._unavailable = self._unavailable + 1 if isinstance(answer, UnavailableError) else 0
        if isinstance(answer, _POINTLESS) or (
            isinstance(answer, UnavailableError) and self._unavailable >= PATIENCE
        ):
            self.stopped_by = self.stopped_by or answer
        self.answered(delivery, answer)

    def _deliver(self, delivery: PlannedDelivery) -> Receipt:
        return self.send(delivery.build())

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="push")
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
