"""Pushing: order, how many at once, and what stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl
import pytest

from dbt_activate.delivery import Delivery, Operation, Receipt
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    OvertakenError,
    RefusedError,
    UnavailableError,
    WarehouseError,
)
from dbt_activate.sync.plan import PlannedDelivery
from dbt_activate.sync.push import Answer, Pusher

BUSY, FINE = UnavailableError("busy"), Receipt()


def deliveries(additions: int, removals: int = 0) -> list[PlannedDelivery]:
    """Make deliveries of one member each, removals first."""
    operations = [Operation.REMOVE] * removals + [Operation.ADD] * additions
    return [
        PlannedDelivery(number, operation, "customer_id", pl.Series([str(number)]))
        for number, operation in enumerate(operations, start=1)
    ]


@dataclass
class Post:
    """A pusher, and what came of its deliveries.

    Attributes:
        events: ("sent" or "answered", delivery number), in order.
        answers: The answers, by delivery number.
    """

    respond: Callable[[Delivery], Receipt] = lambda delivery: FINE
    tick: Callable[[], None] = lambda: None
    concurrency: int = 1
    events: list[tuple[str, int]] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)

    def push(self, planned: Iterable[PlannedDelivery]) -> Exception | None:
        """Push, and return what stopped it."""
        pusher = Pusher(self._send, self.concurrency, self._answered, self.tick)
        pusher.push((delivery,) for delivery in planned)
        return pusher.stopped_by

    def _send(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        self.events += (("sent", delivery.number) for delivery in deliveries)
        return [self.respond(delivery) for delivery in deliveries]

    def _answered(self, delivery: PlannedDelivery, answer: Answer) -> None:
        self.events.append(("answered", delivery.number))
        self.answers[delivery.number] = answer


def script(*answers: Answer) -> Callable[[Delivery], Receipt]:
    """Answer the deliveries in the order of their numbers; all others are fine."""

    def respond(delivery: Delivery) -> Receipt:
        answer = answers[delivery.number - 1] if delivery.number <= len(answers) else FINE
        if isinstance(answer, Exception):
            raise answer
        return answer

    return respond


def test_every_delivery_is_sent_once_and_answered() -> None:
    """All goes well: each delivery has its receipt, and nothing stopped the push."""
    post = Post(concurrency=3)
    assert post.push(deliveries(5, removals=4)) is None
    assert sorted(number for event, number in post.events if event == "sent") == list(range(1, 10))
    assert post.answers == dict.fromkeys(range(1, 10), FINE)


def test_removals_are_answered_before_the_first_addition_is_sent() -> None:
    """Also where one removal takes its time and there is room for more under way."""
    adding = threading.Event()

    def respond(delivery: Delivery) -> Receipt:
        if delivery.operation is Operation.ADD:
            adding.set()
        elif delivery.number == 2:
            assert not adding.wait(0.2)  # an addition that does not wait would be sent by then
        return FINE

    post = Post(respond, concurrency=4)
    assert post.push(deliveries(5, removals=3)) is None
    assert {number for _, number in post.events[:6]} == {1, 2, 3}


def test_so_many_at_once_and_no_more() -> None:
    """Deliveries go out together, as many as may be."""
    together, lock, under_way, most = threading.Barrier(3, timeout=20), threading.Lock(), [0], [0]

    def respond(delivery: Delivery) -> Receipt:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        together.wait()
        with lock:
            under_way[0] -= 1
        return FINE

    # Of nine, each waits until two others are under way with it: fewer at once would never end.
    assert Post(respond, concurrency=3).push(deliveries(9)) is None
    assert most == [3]


def test_a_refused_delivery_does_not_stop_the_others() -> None:
    """One delivery that the tool will not take is one answer among the others."""
    refused = RefusedError("no")
    post = Post(script(FINE, refused))
    assert post.push(deliveries(4)) is None
    assert post.answers == {1: FINE, 2: refused, 3: FINE, 4: FINE}


@pytest.mark.parametrize("error", [AuthenticationError("who?"), AccessError("no"), AudienceGoneError("gone")])
def test_an_error_that_no_delivery_can_escape_stops(error: AuthenticationError) -> None:
    """Wrong credentials are not tried again with the next delivery."""
    post = Post(script(FINE, error))
    assert post.push(deliveries(5, removals=1)) is error
    assert post.answers == {1: FINE, 2: error}


def test_three_unavailable_in_a_row_stop() -> None:
    """A tool that is down is left alone."""
    post = Post(script(FINE, BUSY, BUSY, BUSY))
    assert post.push(deliveries(9)) is BUSY
    assert max(post.answers) == 4


def test_unavailable_now_and_then_does_not_stop() -> None:
    """Any other answer in between begins the count anew."""
    post = Post(script(BUSY, BUSY, FINE, BUSY, BUSY, RefusedError("no"), BUSY, BUSY))
    assert post.push(deliveries(9)) is None
    assert len(post.answers) == 9


@pytest.mark.parametrize("error", [OvertakenError("ours no more"), WarehouseError("lost"), ValueError("bug")])
def test_an_error_of_our_own_stops(error: Exception) -> None:
    """What is no answer of the tool ends the push, and is not taken for an answer."""

    def respond(delivery: Delivery) -> Receipt:
        if delivery.number == 2:
            raise error
        return FINE

    post = Post(respond)
    assert post.push(deliveries(5)) is error
    assert post.answers == {1: FINE}


def test_a_tick_that_raises_stops_but_what_is_under_way_is_awaited() -> None:
    """An answer that nobody reads would leave an outcome unknown."""
    ticked, overtaken = threading.Event(), OvertakenError("ours no more")

    def respond(delivery: Delivery) -> Receipt:
        assert delivery.number == 1 or ticked.wait(20)
        return FINE

    def tick() -> None:
        ticked.set()
        raise overtaken

    post = Post(respond, tick, concurrency=2)
    assert post.push(deliveries(5)) is overtaken
    assert post.answers == {1: FINE, 2: FINE}


def test_nothing_to_push() -> None:
    """Without deliveries nothing is sent."""
    post = Post()
    assert post.push([]) is None
    assert post.events == []


def test_what_takes_long_is_attended() -> None:
    """While it lasts there are ticks; what it returns or raises comes out, and so does what a tick raises."""
    ticked = threading.Event()
    pusher = Pusher(lambda _: [], 1, lambda *_: None, ticked.set, tick_seconds=0.01)
    assert pusher.attend(lambda: ticked.wait(20)) is True

    def fail() -> None:
        raise BUSY

    with pytest.raises(UnavailableError):
        pusher.attend(fail)


def test_who_attends_finds_out_that_it_was_overtaken() -> None:
    """What is under way is waited for, and then the reason to stop is raised."""
    ticked = threading.Event()

    def overtaken() -> None:
        ticked.set()
        raise OvertakenError("overtaken")

    pusher = Pusher(lambda _: [], 1, lambda *_: None, overtaken, tick_seconds=0.01)
    with pytest.raises(OvertakenError):
        pusher.attend(lambda: ticked.wait(20))
