"""What changed since people were last told: findings beside how their warnings stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dbt_activate.config.watches import Severity
from dbt_activate.reporting.alert import Alert
from dbt_activate.state.alerts import RAISED, RECOVERED, AlertRecord

if TYPE_CHECKING:
    from dbt_activate.alerts.evaluation import Finding
    from dbt_activate.config.notifications_file import Channel

Found = Mapping[str, Sequence["Finding"]]
"""What was found, by activation."""

Latest = Mapping[tuple[str, str], AlertRecord]
"""How warnings stood, by activation and warning."""


def changes(
    found: Found, latest: Latest, now: datetime, channels: Iterable[Channel], target: str
) -> list[AlertRecord]:
    """Return what changed, with the channels that are to hear of it.

    A warning that begins to stand, or stands with another level, goes to the channels that take it. That it
    is over goes to those that were told of it.
    """
    channels = tuple(channels)
    return [
        change
        for key, findings in found.items()
        for finding in findings
        if (change := _change(key, finding, latest.get((key, finding.kind)), now, channels, target))
    ]


def standing(key: str, findings: Iterable[Finding], latest: Latest, now: datetime) -> tuple[Alert, ...]:
    """Return the warnings of one activation that stand, each since it was first found."""
    return tuple(
        Alert(one.kind, one.level, one.message, one.figure, _since(latest.get((key, one.kind)), now))
        for one in findings
        if one.stands
    )


def _change(
    key: str,
    finding: Finding,
    last: AlertRecord | None,
    now: datetime,
    channels: Iterable[Channel],
    target: str,
) -> AlertRecord | None:
    stood = last is not None and last.stands
    told = last.channels if last and stood else ()
    if finding.stands:
        if last and stood and last.level == finding.level:
            return None
        names = tuple(_takers(channels, finding.level, key, target))
        names = tuple(dict.fromkeys([*told, *names]))
        state, level = RAISED, finding.level.value
    elif last and stood:
        names, state, level = told, RECOVERED, last.level
    else:
        return None
    number = last.number + 1 if last else 1
    return AlertRecord(
        key, finding.kind, number, state, level, finding.message, finding.figure, now, names, names
    )


def _takers(channels: Iterable[Channel], level: Severity, key: str, target: str) -> Iterator[str]:
    destination = key.partition(".")[0]
    return (one.name for one in channels if one.takes(level, destination, target))


def _since(last: AlertRecord | None, now: datetime) -> datetime:
    return last.since if last and last.stands else now
