"""What there is to warn of: one activation's outcome beside what it warns of and its past.

A warning can stand, be over, or be neither, where the outcome does not show it: a sync that failed says
nothing of rejections. What does not show stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dbt_activate.config.watches import Kind, Severity, Watch
from dbt_activate.errors import HeldError, InterruptedRunError, OvertakenError
from dbt_activate.reporting.results import Status
from dbt_activate.state.past import Past

if TYPE_CHECKING:
    from dbt_activate.reporting.results import ActivationResult

NEEDS_PAST = frozenset({Kind.SIZE_CHANGE, Kind.UNCHANGED_DAYS, Kind.OVERDUE})

_OFF = "is not watched any more"
_SOMEBODY_ELSE = (HeldError, InterruptedRunError, OvertakenError)
_PASSED_GATES = frozenset({Status.SUCCESS, Status.PARTIAL, Status.ERROR, Status.GUARDED, Status.UNCHANGED})
_PASSED_GUARDS = frozenset({Status.SUCCESS, Status.PARTIAL})


@dataclass(frozen=True, slots=True)
class Case:
    """One activation after a sync.

    Attributes:
        result: What became of it.
        past: Its earlier runs.
        now: The time; UTC.
        names_rejections: Whether its tool says by name whom it does not take.
    """

    result: ActivationResult
    past: Past
    now: datetime
    names_rejections: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one warning.

    Attributes:
        kind: The warning.
        stands: Whether it stands.
        level: How urgent it is.
        message: What was found, in figures.
        figure: The figure that was compared; None where there is none.
    """

    kind: Kind
    stands: bool
    level: Severity = Severity.WARN
    message: str = ""
    figure: float | None = None


Seen = tuple[bool, str] | tuple[bool, str, float] | None
"""Whether it stands, in words, and with which figure; None where it does not show."""


def evaluate(case: Case) -> Iterator[Finding]:
    """Yield what shows of each warning; one that is not watched is over."""
    watches = {watch.kind: watch for watch in case.result.activation.watches}
    for kind in Kind:
        watch = watches.get(kind)
        if watch is None:
            yield Finding(kind, stands=False, message=_OFF)
        elif seen := _JUDGES[kind](case, watch):
            stands, message, *figure = seen
            yield Finding(kind, stands, watch.level, message, *figure)


def _failed(case: Case, watch: Watch) -> Seen:
    del watch
    result = case.result
    if isinstance(result.error, _SOMEBODY_ELSE):
        return None
    if result.status in (Status.ERROR, Status.PARTIAL):
        how = "went through in part only" if result.status is Status.PARTIAL else "failed"
        return True, f"the sync {how}{_because(result)}"
    return (False, "the sync went well") if result.status is Status.SUCCESS else None


def _guard(case: Case, watch: Watch) -> Seen:
    del watch
    if case.result.status is Status.GUARDED:
        return True, f"a guard stopped it{_because(case.result)}"
    return (False, "no guard stopped it") if case.result.status in _PASSED_GUARDS else None


def _held(case: Case, watch: Watch) -> Seen:
    del watch
    if case.result.status is Status.HELD:
        return True, _first_line(case.result.message).removeprefix("held: ")
    return (False, "nothing holds it") if case.result.status in _PASSED_GATES else None


def _unconfirmed(case: Case, watch: Watch) -> Seen:
    del watch
    if case.result.status is not Status.SUCCESS:
        return None
    count = case.result.unconfirmed
    noun = "delivery" if count == 1 else "deliveries"
    return bool(count), f"{count:,} {noun} accepted and not applied yet", count


def _empty(case: Case, watch: Watch) -> Seen:
    del watch
    if case.result.plan is None:
        return None
    size = case.result.plan.members
    return size == 0, _members(size), size


def _rejected_share(case: Case, watch: Watch) -> Seen:
    found = _not_taken(case)
    if found is None:
        return None
    count, total = found
    share, limit = count / total if total else 0.0, watch.value or 0.0
    return share > limit, f"{count:,} of {_members(total)} rejected, {share:.1%}{_of_at_most(limit)}", share


def _rejected_count(case: Case, watch: Watch) -> Seen:
    found = _not_taken(case)
    if found is None:
        return None
    count, limit = found[0], watch.value or 0
    return count > limit, f"{_members(count)} rejected, of at most {limit:,.0f}", count


def _not_taken(case: Case) -> tuple[int, int] | None:
    """Return how many stand rejected, and of how many; None where that does not show.

    Who is rejected by name is sent again at every run, or is held back by us: of the segment. Who is only
    counted is sent once: of what was just added.
    """
    result = case.result
    if result.status is not Status.SUCCESS or result.plan is None:
        return None
    if case.names_rejections:
        return result.not_added + result.plan.held_back, result.plan.members
    return (result.not_added, result.attempted) if result.attempted else None


def _size_change(case: Case, watch: Watch) -> Seen:
    if case.result.plan is None or not case.past.sizes:
        return None
    sizes = case.past.sizes[: watch.runs]
    size, mean, limit = case.result.plan.members, sum(sizes) / len(sizes), watch.value or 0.0
    change = abs(size - mean) / mean if mean else float(size > 0)
    if not mean:
        return bool(size), f"{_members(size)}, after none", change
    how = "more" if size > mean else "fewer"
    compared = f"the mean of {mean:,.0f} of the last {len(sizes)} runs" if len(sizes) > 1 else "the last run"
    return change > limit, f"{_members(size)}, {change:.1%} {how} than {compared}{_of_at_most(limit)}", change


def _unchanged_days(case: Case, watch: Watch) -> Seen:
    since = case.past.last_change_at or case.past.first_run_at
    if since is None or case.result.status not in (Status.SUCCESS, Status.UNCHANGED):
        return None
    days, limit = (case.now - since) / timedelta(days=1), watch.value or 0.0
    return days > limit, f"nobody has entered or left for {_days(days)}, of at most {_days(limit)}", days


def _overdue(case: Case, watch: Watch) -> Seen:
    if case.result.status is Status.SUCCESS:
        return False, "it was synced"
    since = case.past.last_success_at or case.past.first_run_at
    if since is None:
        return None
    hours = (case.now - since) / timedelta(hours=1)
    words = f"no success for {hours:,.0f} hours"
    if watch.value is not None:
        return hours > watch.value, f"{words}, of at most {watch.value:,g}", hours
    schedule = case.result.activation.schedule
    if schedule is None:
        return False, _OFF
    return schedule.is_overdue(case.now, since), f"{words} (schedule: {schedule.text})", hours


def _match_rate(case: Case, watch: Watch) -> Seen:
    rate, limit = case.result.match_rate, watch.value or 0.0
    if rate is None:
        return None
    return rate < limit, f"{rate:.1%} of the audience recognised, of at least {limit:.1%}", rate


_JUDGES: Mapping[Kind, Callable[[Case, Watch], Seen]] = {
    Kind.FAILED: _failed,
    Kind.GUARD: _guard,
    Kind.HELD: _held,
    Kind.UNCONFIRMED: _unconfirmed,
    Kind.EMPTY: _empty,
    Kind.REJECTED_SHARE: _rejected_share,
    Kind.REJECTED_COUNT: _rejected_count,
    Kind.SIZE_CHANGE: _size_change,
    Kind.UNCHANGED_DAYS: _unchanged_days,
    Kind.OVERDUE: _overdue,
    Kind.MATCH_RATE: _match_rate,
}


def _because(result: ActivationResult) -> str:
    line = _first_line(result.message).removeprefix(f"activation {result.key}: ")
    return f": {line}" if line else ""


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _of_at_most(limit: float) -> str:
    return f", of at most {limit:.1%}"


def _members(count: int) -> str:
    return f"{count:,} member{'' if count == 1 else 's'}"


def _days(days: float) -> str:
    return f"{days:,.1f} days".replace(".0 days", " days")
