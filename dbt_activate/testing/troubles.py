"""Promises about trouble: what passes is made good, what lasts is told, and nothing is done twice."""

from __future__ import annotations

import threading
import time
from itertools import count
from typing import Any

import pytest

from dbt_activate.errors import (
    AccessError,
    AuthenticationError,
    DestinationError,
    InterruptedRunError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.testing import calls
from dbt_activate.testing.calls import Call, Setting, each_call, require_call
from dbt_activate.testing.double import PASSING, Trouble
from dbt_activate.testing.scene import RETRY, TIMEOUT_SECONDS, Scene
from dbt_activate.throttle import Retry, Throttles

MOST_REQUESTS = 12
"""Beyond this request of one call, trouble is not tried."""

IMPATIENT = Retry(attempts=2, first_wait_seconds=0.001, total_seconds=20.0, poll_seconds=RETRY.poll_seconds)
STUBBORN = Retry(attempts=100, first_wait_seconds=60.0, total_seconds=3600.0, poll_seconds=(60.0,))

each_passing_trouble = pytest.mark.parametrize("trouble", PASSING, ids=lambda trouble: trouble.name)


def require(scene: Scene, trouble: Trouble) -> None:
    """Leave a test out where its trouble cannot happen."""
    if trouble not in scene.double.troubles:
        pytest.skip("This cannot happen to this tool.")


def waits(trouble: Trouble) -> dict[str, Any]:
    """Return the settings with which trouble is met."""
    return {"timeout_seconds": TIMEOUT_SECONDS} if trouble in (Trouble.LATE, Trouble.LATE_APPLIED) else {}


class TroublePromises:
    """However a request goes wrong, and whichever it is, the end is as if it had gone well."""

    @each_passing_trouble
    @each_call
    def test_trouble_that_passes_is_made_good(self, scene: Scene, trouble: Trouble, call: Call) -> None:
        """Struck once, at whichever of its requests, a call is done, and done once."""
        require(scene, trouble)
        require_call(scene, call)
        for nth in count(1):
            setting = Setting(scene, f"Audience {nth}")
            scene.reconnect(**waits(trouble))
            struck = scene.double.fail(trouble, nth=nth)
            call(setting)
            scene.double.clear_faults()
            if not struck() or nth == MOST_REQUESTS:
                assert nth > 1, "The call made no request."
                return

    @each_passing_trouble
    @each_call
    def test_trouble_that_lasts_is_told_and_ends(self, scene: Scene, trouble: Trouble, call: Call) -> None:
        """A call gives up and says that it may go well later; later it does, and all converges."""
        require(scene, trouble)
        require_call(scene, call)
        setting = Setting(scene, "VIP customers")
        for nth in (1, 2):
            scene.reconnect(retry=IMPATIENT, **waits(trouble))
            struck = scene.double.fail(trouble, nth=nth, times=None)
            if nth == 1 and trouble is not Trouble.TRUNCATED:  # of which an answer without a body has no half
                with pytest.raises(UnavailableError):
                    call(setting)
            else:
                _try(call, setting)
            assert struck() or nth > 1
            scene.double.clear_faults()
            scene.double.settle()
        scene.reconnect()
        call(setting)

    @each_call
    def test_a_refusal_is_told_at_once(self, scene: Scene, call: Call) -> None:
        """A request that is wrong is not sent again, and its error says no "later"."""
        require(scene, Trouble.REFUSED)
        require_call(scene, call)
        setting = Setting(scene, "VIP customers")
        scene.reconnect()
        struck = scene.double.fail(Trouble.REFUSED, times=None)
        with pytest.raises(DestinationError) as caught:
            call(setting)
        assert not isinstance(caught.value, UnavailableError)
        assert struck() < 2 * RETRY.attempts  # some find another way, and ask that, too

    def test_a_lost_answer_makes_no_second_audience(self, scene: Scene) -> None:
        """An audience whose making was never answered is found again by whoever makes it next."""
        for trouble in (Trouble.CUT_APPLIED, Trouble.LATE_APPLIED, Trouble.BROKEN_APPLIED, Trouble.TRUNCATED):
            if trouble in scene.double.troubles:
                setting = Setting(scene, f"Audience {trouble.name.lower()}")
                scene.reconnect(retry=Retry(attempts=1), **waits(trouble))
                scene.double.fail(trouble, times=None)
                _try(calls.create, setting)
                scene.double.clear_faults()
                scene.reconnect()
                calls.create(setting)

    def test_a_making_that_is_refused_made_nothing(self, scene: Scene) -> None:
        """Where an error says that making an audience was refused, or not allowed, there is none of it."""
        require(scene, Trouble.REFUSED)
        for nth in count(1):
            scene.reconnect()  # as credentials that were refused are not tried again
            setting = Setting(scene, f"Audience {nth}")
            before = scene.double.audiences().keys()
            scene.reconnect()
            struck = scene.double.fail(Trouble.REFUSED, nth=nth)
            try:
                calls.create(setting)
            except (RefusedError, AccessError, AuthenticationError):
                assert scene.double.audiences().keys() == before
            except UnavailableError:
                pass  # it may have been made, and says no more
            scene.double.clear_faults()
            if not struck() or nth == MOST_REQUESTS:
                return

    def test_a_run_that_is_stopped_stops_waiting(self, scene: Scene) -> None:
        """Whoever waits to try again is woken at once, and nothing more is sent."""
        setting = Setting(scene, "VIP customers")
        throttles = Throttles(STUBBORN, window_seconds=0.01)
        scene.reconnect(throttles=throttles)
        struck = scene.double.fail(Trouble.UNAVAILABLE, times=None)
        caught: list[BaseException] = []

        def work() -> None:
            try:
                calls.add(setting)
            except BaseException as error:  # whatever it is, it is looked at below
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not struck() and thread.is_alive():
            time.sleep(0.002)
        throttles.stop()
        thread.join(10)
        assert not thread.is_alive()
        assert [type(error) for error in caught] == [InterruptedRunError]

    @each_call
    def test_a_run_that_is_stopped_sends_nothing(self, scene: Scene, call: Call) -> None:
        """Once the run is stopped, every call says so and no request leaves."""
        require_call(scene, call)
        setting = Setting(scene, "VIP customers")
        throttles = Throttles(RETRY, window_seconds=0.01)
        scene.reconnect(throttles=throttles)
        before = scene.double.request_count()
        throttles.stop()
        with pytest.raises(InterruptedRunError):
            call(setting)
        assert scene.double.request_count() == before


def _try(call: Call, setting: Setting) -> None:
    """Make a call that may fail on its way, or be done before trouble begins."""
    try:
        call(setting)
    except DestinationError:
        return
