"""Which activations wait, since their schedule says that they are not due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dbt_activate.config.activation import Activation
    from dbt_activate.config.schedule import Schedule
    from dbt_activate.state.overview import Overview

_ANYWAY = "--ignore-schedule syncs it now"


@dataclass(frozen=True, slots=True)
class Timing:
    """How one activation stands in time.

    What failed, was held, or was reset is due again at once. Where dbt had built nothing, nothing was synced:
    it stays due until dbt has.

    Attributes:
        schedule: Its schedule; None if it has none, and is always due.
        last_success: When the last invocation began that synced it; None if there was none.
        undone_at: When the last run began, if it has to be done again; None if it has not.
    """

    schedule: Schedule | None
    last_success: datetime | None = None
    undone_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """Since when it is due, or from when on. None if no time can be said.

        That is where there is no schedule, where it is synced by hand, and before the first run.
        """
        if self.schedule is None or self.schedule.is_manual:
            return None
        return min(filter(None, (self.schedule.due_at(self.last_success), self.undone_at)), default=None)

    def is_due(self, now: datetime) -> bool:
        """Tell whether it may be synced."""
        if self.schedule is None:
            return True
        return self.schedule.is_due(now, None if self.undone_at else self.last_success)

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether it was due, was not synced, and is due once more."""
        return self.schedule is not None and self.schedule.is_overdue(now, self.last_success)


def timing(activation: Activation, overview: Overview) -> Timing:
    """Say how an activation stands in time, as the state tables know it."""
    key, schedule = activation.key, activation.schedule
    last_run = overview.last_runs.get(key)
    if last_run is None:
        return Timing(schedule)
    if key not in overview.audiences:  # never made, or reset since
        return Timing(schedule, undone_at=last_run.started_at)
    undone_at = None if last_run.status == "success" else last_run.started_at
    return Timing(schedule, overview.last_successes.get(key), undone_at)


def find_waiting(
    activations: Iterable[Activation],
    select: Iterable[str],
    now: datetime,
    read_overview: Callable[[], Overview],
) -> Mapping[str, str]:
    """Find the activations that are not due.

    Args:
        activations: All that were selected.
        select: The values of ``--select``: what is synced by hand is due where they name it.
        now: The time in UTC.
        read_overview: Reads how all audiences stand; called only if there are schedules.

    Returns:
        Why each of them waits, by key.
    """
    scheduled = [one for one in activations if one.schedule is not None]
    if not scheduled:
        return {}
    named, overview = {word for value in select for word in value.split()}, read_overview()
    timings = {one.key: timing(one, overview) for one in scheduled if not _is_called(one, named)}
    return {key: _why(one) for key, one in timings.items() if not one.is_due(now)}


def _is_called(activation: Activation, named: set[str]) -> bool:
    """Tell whether a person names what is synced by hand: it, or its model, and not a tag or a folder."""
    model = activation.model
    own = {model.name, model.versioned_name, f"{model.name}.v{model.version}"}
    own |= {f"activation:{activation.key}", f"activation:{activation.name}"}
    return activation.schedule is not None and activation.schedule.is_manual and bool(own & named)


def _why(timing: Timing) -> str:
    schedule, due = timing.schedule, timing.due_at
    assert schedule is not None  # noqa: S101  (only what has a schedule waits: this is for the type checker)
    if schedule.is_manual:
        return f"synced by hand only (schedule: manual): name it in --select; {_ANYWAY}"
    until = f"not due until {schedule.local(due)}" if due else "not due any more"
    return f"{until} (schedule: {schedule.text}); {_ANYWAY}"
