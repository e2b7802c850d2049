"""What people are told: changes of warnings, as text and as data. Names and figures, never an identifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_activate.state.alerts import AlertRecord

MOST_CHANGES = 50
"""How many changes one message tells of; services cut longer texts."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel.

    Attributes:
        title: Its subject.
        lines: Its text.
        alerts: The same for machines.
        is_good: Whether it brings good news only.
    """

    title: str
    lines: tuple[str, ...]
    alerts: tuple[dict[str, Any], ...] = ()
    is_good: bool = False

    @property
    def text(self) -> str:
        """The text."""
        return "\n".join(self.lines)


def messages(
    records: Sequence[AlertRecord], project: str, target: str
) -> Iterator[tuple[Sequence[AlertRecord], Message]]:
    """Put changes into as few messages as can be, in their order.

    Args:
        records: The changes.
        project: The dbt project's name.
        target: The dbt target.
    """
    for start in range(0, len(records), MOST_CHANGES):
        part = records[start : start + MOST_CHANGES]
        title = f"dbt-activate: {_summary(part)} ({project}, target {target})"
        yield (
            part,
            Message(
                title,
                tuple(map(_line, part)),
                tuple(_data(one, project, target) for one in part),
                is_good=not any(one.stands for one in part),
            ),
        )


def trial_message(project: str, target: str) -> Message:
    """Make a message that only shows that a channel works."""
    title = f"dbt-activate: a test message ({project}, target {target})"
    return Message(title, ("Warnings of audiences will come this way.",), is_good=True)


def _summary(records: Sequence[AlertRecord]) -> str:
    raised = sum(one.stands for one in records)
    recovered = len(records) - raised
    parts = [f"{raised} warning{'' if raised == 1 else 's'}"] if raised else []
    return ", ".join([*parts, f"{recovered} recovered"] if recovered else parts)


def _line(record: AlertRecord) -> str:
    word = record.level.upper() if record.stands else "RECOVERED"
    when = f"{record.since:%Y-%m-%d %H:%M}Z"
    return f"{word} {record.audience_key}: {record.warning}: {record.message} ({when})"


def _data(record: AlertRecord, project: str, target: str) -> dict[str, Any]:
    return {
        "activation": record.audience_key,
        "warning": record.warning,
        "state": record.state,
        "level": record.level,
        "message": record.message,
        "figure": _rounded(record.figure),
        "since": f"{record.since.isoformat()}Z",
        "project": project,
        "target": target,
    }


def _rounded(figure: float | None) -> float | None:
    """Round a figure to the digits that a column of the type ``real`` keeps."""
    return figure if figure is None or figure.is_integer() else float(f"{figure:.6g}")
