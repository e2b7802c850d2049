"""Send deliveries, several at once, removals before additions, and tell what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TypeVar

from dbt_activate.delivery import Delivery, Receipt
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    UnavailableError,
)
from dbt_activate.sync.plan import PlannedDelivery

Parcel = tuple[PlannedDelivery, ...]
"""What goes in one call: a delivery, or a removal and an addition."""

Send = Callable[[Sequence[Delivery]], Sequence[Receipt]]
Answer = Receipt | DestinationError
Done = TypeVar("Done")

TICK_SECONDS = 1.0

PATIENCE = 3
"""After so many deliveries in a row that the destination was unavailable for, no more are sent."""

_POINTLESS = (AuthenticationError, AccessError, AudienceGoneError)
"""Errors after which no other delivery can do better."""


@dataclass(slots=True)
class Pusher:
    """One run's pushing.

    Attributes:
        send: Sends the deliveries of one parcel, in one of several threads; returns a receipt for each.
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

    def push(self, parcels: Iterable[Parcel]) -> None:
        """Send parcels until all are answered, or it is pointless to go on.

        Returns normally also when stopped; see `stopped_by`. What is under way is always waited for,
        since an answer that nobody reads leaves an outcome unknown.
        """
        with self._pool() as pool:
            for _, group in groupby(parcels, key=lambda parcel: parcel[-1].operation):
                self._push_group(pool, group)

    def attend(self, work: Callable[[], Done]) -> Done:
        """Do something that takes its time in a thread of its own, and keep ticking until it is done.

        Raises:
            Exception: What the work raised, or what a tick raised once the work is done.
        """
        with self._pool() as pool:
            future, reason = pool.submit(work), None
            while wait([future], timeout=self.tick_seconds).not_done:
                try:
                    self.tick()
                except Exception as error:
                    reason = error
            if reason:
                raise reason
            return future.result()

    def _push_group(self, pool: ThreadPoolExecutor, parcels: Iterator[Parcel]) -> None:
        under_way: dict[Future[Sequence[Receipt]], Parcel] = {}
        try:
            while self.stopped_by is None:
                room = self.concurrency - len(under_way)
                under_way |= {pool.submit(self._deliver, one): one for one in islice(parcels, room)}
                if not under_way:
                    return
                self._collect(under_way)
                self.tick()
        except Exception as reason:  # also a warehouse that cannot be told: what is under way is awaited
            self.stopped_by = reason
        while under_way:
            self._collect(under_way)

    def _collect(self, under_way: dict[Future[Sequence[Receipt]], Parcel]) -> None:
        done, _ = wait(under_way, timeout=self.tick_seconds, return_when=FIRST_COMPLETED)
        for future in done:
            self._note(under_way.pop(future), future)

    def _note(self, parcel: Parcel, future: Future[Sequence[Receipt]]) -> None:
        try:
            answers: Sequence[Answer] = future.result()
        except DestinationError as error:
            answers = [error] * len(parcel)
        except Exception as error:
            self.stopped_by = self.stopped_by or error
            return
        self._weigh(answers[0])
        for delivery, answer in zip(parcel, answers, strict=True):
            self.answered(delivery, answer)

    def _weigh(self, answer: Answer) -> None:
        """Stop where nothing better can come."""
        self._unavailable = self._unavailable + 1 if isinstance(answer, UnavailableError) else 0
        if isinstance(answer, _POINTLESS) or (
            isinstance(answer, UnavailableError) and self._unavailable >= PATIENCE
        ):
            self.stopped_by = self.stopped_by or answer

    def _deliver(self, parcel: Parcel) -> Sequence[Receipt]:
        return self.send([delivery.build() for delivery in parcel])

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="push")
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
