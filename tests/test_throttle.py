"""When requests may pass."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dbt_activate.errors import InterruptedRunError
from dbt_activate.throttle import Throttle, Throttles


def passes(throttle: Throttle, count: int, threads: int = 1) -> list[float]:
    """Let requests pass, and return when each did, in order."""

    def one(_: int) -> float:
        throttle.wait()
        return time.monotonic()

    with ThreadPoolExecutor(threads) as pool:
        return sorted(pool.map(one, range(count)))


@pytest.mark.parametrize("threads", [1, 8])
def test_no_window_holds_more_than_the_limit(threads: int) -> None:
    """However many threads ask, at most `limit` requests pass in any window."""
    throttle = Throttles(window_seconds=0.2).get("app", 10)
    moments = passes(throttle, 35, threads)
    assert all(later - earlier >= 0.19 for earlier, later in zip(moments, moments[10:], strict=False))
    assert moments[-1] - moments[0] < 1.2


def test_requests_pass_in_the_order_in_which_they_ask() -> None:
    """Nobody overtakes: who asked first passes first."""
    throttle = Throttles(window_seconds=0.05).get("app", 1)
    passed: list[int] = []
    lock = threading.Lock()

    def one(number: int) -> None:
        throttle.wait()
        with lock:
            passed.append(number)

    throttle.wait()
    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=one, args=(number,)))
        threads[-1].start()
        threads[-1].join(0.005)  # it has asked by now, and its turn comes 50 ms after the one before
    for thread in threads:
        thread.join()
    assert passed == [0, 1, 2, 3, 4]


def test_a_lifted_limit_lets_everything_pass() -> None:
    """Without a limit, ten thousand requests do not wait."""
    throttle = Throttles(window_seconds=60).get("app", None)
    started_at = time.monotonic()
    for _ in range(10_000):
        throttle.wait()
    assert time.monotonic() - started_at < 1


def test_a_hold_stops_those_who_wait_already() -> None:
    """A hold that is lengthened while somebody waits is waited out in full."""
    throttle = Throttles().get("app", None)
    throttle.hold(0.1)
    started_at = time.monotonic()
    timer = threading.Timer(0.02, throttle.hold, [0.25])
    timer.start()
    throttle.wait()
    timer.join()
    assert time.monotonic() - started_at >= 0.25


def test_a_hold_that_becomes_too_long_is_not_waited_for() -> None:
    """Who waits already looks up, and is told how much of it is left."""
    throttle = Throttles().get("app", None)
    throttle.hold(0.3)
    timer = threading.Timer(0.05, throttle.hold, [3600])
    timer.start()
    left = throttle.wait(longest_hold_seconds=60)
    timer.join()
    assert left == pytest.approx(3600, abs=5)


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    """Answers come in any order; the longest wait that was demanded counts."""
    throttle = Throttles().get("app", None)
    throttle.hold(0.2)
    throttle.hold(0.0)
    started_at = time.monotonic()
    throttle.wait()
    assert time.monotonic() - started_at >= 0.19


def test_one_throttle_for_each_set_of_credentials() -> None:
    """The same credentials share a limit; others have their own; a new run starts afresh."""
    throttles = Throttles()
    assert throttles.get(("host", "app"), 250) is throttles.get(("host", "app"), 10)
    assert throttles.get(("host", "other"), 250) is not throttles.get(("host", "app"), 250)
    assert Throttles().get(("host", "app"), 250) is not throttles.get(("host", "app"), 250)


def test_stopping_wakes_everybody_at_once() -> None:
    """Threads that wait for an hour leave as soon as the run is stopped, and nothing passes after."""
    throttles = Throttles()
    throttle = throttles.get("app", None)
    throttle.hold(3600)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(throttle.wait) for _ in range(3)] + [pool.submit(throttle.sleep, 3600)]
        throttles.stop()
        for future in waiting:
            with pytest.raises(InterruptedRunError, match="Run it again"):
                future.result(timeout=5)
    with pytest.raises(InterruptedRunError):
        throttles.get("another app", None).wait()


def test_nothing_is_left_behind() -> None:
    """A throttle needs no thread of its own."""
    before = threading.active_count()
    passes(Throttles().get("app", 250), 20)
    assert threading.active_count() == before
