"""What is told of a run while it goes on. Nothing here holds an identifier: samples come masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dbt_activate.config.watches import Kind
from dbt_activate.reporting.events import Event, Level
from dbt_activate.reporting.results import ActivationResult, Status, SyncResult

if TYPE_CHECKING:
    from dbt_activate.config.activation import Activation
    from dbt_activate.reporting.alert import Alert
    from dbt_activate.state.alerts import AlertRecord

WIDTH = 80
"""Where the status of a line stands, as in dbt's lines."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The place of one activation among all of a run.

    Attributes:
        number: Counts from 1.
        total: How many there are.
        activation: The activation.
        label: The destination's name, for people.
        verb: What is done: ``sync`` or ``plan``.
    """

    number: int
    total: int
    activation: Activation
    label: str
    verb: Literal["sync", "plan"] = "sync"

    def line(self, words: str, status: str, seconds: float | None = None) -> str:
        """Write a line in dbt's shape: ``1 of 3 START … [RUN]``."""
        took = "" if seconds is None else f" in {seconds:.2f}s"
        return f"{self.number} of {self.total} {words} ".ljust(WIDTH, ".") + f" [{status}{took}]"

    @property
    def name(self) -> str:
        """The activation and its audience."""
        name = " ".join(self.activation.audience.name.split())  # a line break would begin a line of its own
        return f'{self.activation.key} → {self.label} "{name}"'

    @property
    def data(self) -> dict[str, Any]:
        """What every event of this activation says."""
        return {
            "index": self.number,
            "total": self.total,
            "activation": self.activation.key,
            "unique_id": self.activation.model.unique_id,
            "audience": self.activation.audience.name,
        }


def found(activations: Sequence[Activation], target: str, threads: int) -> Event:
    """What is about to be done."""
    destinations = len({one.destination for one in activations})
    message = (
        f"Found {_count(len(activations), 'activation')} into {_count(destinations, 'destination')}; "
        f"{_count(threads, 'thread')} (target='{target}')"
    )
    data = {
        "activations": len(activations),
        "destinations": destinations,
        "target": target,
        "threads": threads,
    }
    return Event("ActivationsFound", message, data=data)


def started(turn: Turn) -> Event:
    """An activation begins."""
    return Event("ActivationStart", turn.line(f"START {turn.verb} {turn.name}", "RUN"), data=turn.data)


def planned(turn: Turn, added: int, removed: int, deliveries: int) -> Event:
    """The plan stands, and pushing begins."""
    message = (
        f"{turn.activation.key}: +{added:,} −{removed:,} in {_count(deliveries, 'delivery', 'deliveries')}"
    )
    data = {**turn.data, "added": added, "removed": removed, "deliveries": deliveries}
    return Event("ActivationPlanned", message, Level.DEBUG, data)


def delivered(turn: Turn, delivery: int, failure: Exception | None) -> Event:
    """A delivery was answered."""
    outcome = f"failed: {failure}" if failure else "accepted"
    message = f"{turn.activation.key}: delivery {delivery} {outcome}"
    data = {**turn.data, "delivery": delivery, "accepted": failure is None}
    return Event("DeliveryAnswered", message, Level.DEBUG, data)


def finished(turn: Turn, result: ActivationResult) -> Iterator[Event]:
    """An activation has ended: what came of it, and who was not sent or not taken."""
    word, level = _outcome(turn, result)
    changes = f"+{result.added:,} −{result.removed:,}"
    status = _WORDS.get(result.status, changes)
    seconds = result.seconds if result.started_at else None
    message = turn.line(f"{word} {turn.name}", status, seconds)
    if result.message and result.status is not Status.UNCHANGED:  # told of all of them at the end
        message += "".join(f"\n  {line}" for line in result.message.splitlines())
    yield Event(
        "ActivationResult", message, level, {**turn.data, **counts(result), "message": result.message}
    )
    yield from _not_sent(turn, result)
    yield from _left_open(turn, result)


def counts(result: ActivationResult) -> dict[str, Any]:
    """Return the outcome of an activation in figures, as JSON logs and the artifact have it."""
    return {
        "status": result.status.value,
        "members": result.members,
        "added": result.added,
        "removed": result.removed,
        "invalid": sum(result.invalid.values()),
        "rejected": result.rejected,
        "unnamed_rejections": result.unnamed_rejections,
        "deliveries": result.deliveries,
        "unconfirmed": result.unconfirmed,
    }


def interrupted() -> Event:
    """A person pressed Ctrl-C, for the first time."""
    return Event(
        "Interrupted",
        "Interrupted. Nothing more is sent; waiting for the answers to what is under way, so that no outcome "
        "is lost. Press Ctrl-C again to leave at once.",
        Level.WARN,
    )


def warned(key: str, alert: Alert) -> Event:
    """A warning stands. Where the line of the outcome says it already, it is not written twice."""
    level = Level.DEBUG if alert.kind in _SAID else Level(alert.level.value)
    data = {
        "activation": key,
        "warning": alert.kind.value,
        "level": alert.level.value,
        "message": alert.message,
        "figure": alert.figure,
        "since": alert.since,
    }
    return Event("ActivationWarning", f"  {key}: {alert.level} {alert}", level, data)


def recovered(record: AlertRecord) -> Event:
    """A warning is over."""
    message = f"  {record.audience_key}: recovered from {record.warning}: {record.message}"
    data = {"activation": record.audience_key, "warning": record.warning, "message": record.message}
    return Event("ActivationRecovered", message, data=data)


def notified(channel: str, title: str) -> Event:
    """A channel was told."""
    return Event("ChannelNotified", f"Channel {channel} was notified: {title}", Level.DEBUG)


def not_notified(message: str) -> Event:
    """People were not told, or it was not written down; what was sent to destinations stays as it is."""
    return Event("NotNotified", message, Level.WARN)


def artifact_failed(path: str, reason: str) -> Event:
    """The artifact could not be written; what was sent is sent all the same."""
    return Event("ArtifactFailed", f"{path} could not be written: {reason}.", Level.WARN)


def summary(result: SyncResult) -> Iterator[Event]:
    """The end of a run, in dbt's words."""
    how = "Interrupted" if result.interrupted else "Finished"
    if idle := [one for one in result if one.status is Status.UNCHANGED]:
        message = f"{_count(len(idle), 'activation')} not read again: {idle[0].message}."
        yield Event("Unchanged", message, data={"activations": [one.key for one in idle]})
    yield Event("RunFinished", f"{how} after {result.seconds:.2f} seconds.")
    figures = " ".join(f"{name}={count}" for name, count in result.counts.items())
    yield Event("RunSummary", f"Done. {figures}", data={key.lower(): n for key, n in result.counts.items()})


_SAID = frozenset({Kind.FAILED, Kind.GUARD, Kind.HELD, Kind.UNCONFIRMED})

_WORDS = {
    Status.SKIPPED: "SKIP",
    Status.HELD: "SKIP",
    Status.UNCHANGED: "NO-OP",
    Status.NOT_DUE: "NO-OP",
    Status.GUARDED: "GUARD",
    Status.ERROR: "ERROR",
}


def _outcome(turn: Turn, result: ActivationResult) -> tuple[str, Level]:
    match result.status:
        case Status.SUCCESS:
            return ("WARN synced", Level.WARN) if result.has_warnings else ("OK synced", Level.INFO)
        case Status.PLANNED:
            return "PLANNED", Level.INFO
        case Status.PARTIAL:
            return "ERROR synced in part", Level.ERROR
        case Status.GUARDED:
            return "GUARD stopped", Level.ERROR
        case Status.SKIPPED:
            return "SKIP", Level.WARN
        case Status.HELD:
            return "SKIP held", Level.WARN
        case Status.UNCHANGED | Status.NOT_DUE:
            return "NO-OP", Level.INFO
        case _:
            return "ERROR syncing" if turn.verb == "sync" else "ERROR planning", Level.ERROR


def _not_sent(turn: Turn, result: ActivationResult) -> Iterator[Event]:
    for member_type, count in result.invalid.items():
        sample = _such_as(result.invalid_samples.get(member_type, ()))
        message = (
            f"  {turn.activation.key}: {_count(count, 'value')} of {member_type} invalid and not sent{sample}"
        )
        data = {**turn.data, "identifier_type": member_type, "count": count}
        yield Event("InvalidMembers", message, Level.WARN, data)
    if result.rejected:
        message = (
            f"  {turn.activation.key}: {_count(result.rejected, 'member')} rejected by {turn.label}; "
            "see `dbt-activate rejections`"
        )
        yield Event("RejectedMembers", message, Level.WARN, {**turn.data, "count": result.rejected})
    if result.unnamed_rejections:
        sample = _such_as(result.rejected_samples)
        message = (
            f"  {turn.activation.key}: {_count(result.unnamed_rejections, 'member')} not taken by "
            f"{turn.label}, which only counts them{sample}"
        )
        yield Event(
            "UnnamedRejections", message, Level.WARN, {**turn.data, "count": result.unnamed_rejections}
        )


def _left_open(turn: Turn, result: ActivationResult) -> Iterator[Event]:
    if result.unconfirmed:
        message = (
            f"  {turn.activation.key}: {_count(result.unconfirmed, 'delivery', 'deliveries')} accepted by "
            f"{turn.label}, which has not said yet that they are applied"
        )
        yield Event("Unconfirmed", message, Level.WARN, {**turn.data, "count": result.unconfirmed})
    for note in result.notes:
        yield Event("ActivationNote", f"  {turn.activation.key}: {note}", Level.WARN, turn.data)


def _such_as(sample: Sequence[str]) -> str:
    return f", such as {'; '.join(sample)}" if sample else ""


def _count(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
