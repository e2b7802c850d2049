"""Ask a tool again and again until something is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbt_activate.throttle import Retry, Throttle

Found = TypeVar("Found")


def poll(
    ask: Callable[[], Found | None], *, throttle: Throttle, retry: Retry, limit_seconds: float
) -> Found | None:
    """Ask until the answer is not None, at once and then at growing intervals.

    Args:
        ask: Asks once; what it raises ends the asking.
        throttle: Its waits end when the run is stopped.
        retry: Has the waits, `Retry.poll_seconds`.
        limit_seconds: How long to go on.

    Returns:
        The answer; None if time ran out.

    Raises:
        InterruptedRunError: The run was stopped.
    """
    from tenacity import Retrying, retry_if_result, stop_before_delay, wait_chain, wait_fixed

    return Retrying(
        retry=retry_if_result(lambda found: found is None),
        wait=wait_chain(*map(wait_fixed, retry.poll_seconds)),
        stop=stop_before_delay(limit_seconds),
        sleep=throttle.sleep,
        retry_error_callback=lambda _: None,
    )(ask)
