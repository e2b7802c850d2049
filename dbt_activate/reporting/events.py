"""Things that happen, each one line for people and data for machines. Who writes them is not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_activate.errors import Problem


class Level(StrEnum):
    """How much an event matters; dbt's names."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        name: What kind of thing, in one word; stays the same between releases.
        message: The line for people.
        level: How much it matters.
        data: The facts, ready for JSON.
    """

    name: str
    message: str
    level: Level = Level.INFO
    data: Mapping[str, Any] = field(default_factory=dict)


_SHOWN = 20

Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Tell nobody."""
    del event


def note(problem: Problem) -> Event:
    """Something in the project's files deserves a look."""
    return Event("ProjectNote", str(problem), Level.WARN)


def gates_off(label: str, reason: str = "is not there") -> Event:
    """There are no results of dbt to go by."""
    message = f"{label} {reason}: nothing says whether models and tests passed, so no segment is held."
    return Event("GatesOff", message, Level.INFO)


def results_are_old(file: str, recorded: str) -> Event:
    """Dbt ran since it wrote the file that is at hand."""
    message = f"{file} is older than what {recorded} says of dbt's last invocation, which counts."
    return Event("ResultsAreOld", message, Level.WARN)


def results_are_silent(file: str, command: str) -> Event:
    """The file at hand is of a command that built nothing."""
    message = f"{file} was written by `dbt {command}`, which builds nothing: it does not say how models went."
    return Event("ResultsAreSilent", message, Level.WARN)


def artifacts_differ(manifest: str, results: str) -> Event:
    """Two of dbt's files are of different invocations."""
    message = f"{manifest} and {results} were written by different invocations of dbt."
    return Event("ArtifactsDiffer", message, Level.DEBUG)


def results_of_another_target(results: str, theirs: str, ours: str) -> Event:
    """Dbt was called for another target than this sync."""
    message = (
        f"{results} was written with the target {theirs}, and this one is {ours}: it does not say how models "
        f"and tests went in {ours}."
    )
    return Event("ResultsOfAnotherTarget", message, Level.WARN)


def failures_unknown(results: str, manifest: str, unique_ids: Iterable[str]) -> Event:
    """What failed is not in the manifest."""
    known = list(unique_ids)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    names = f"{', '.join(known[:_SHOWN])}{more}"
    message = f"{results} says that {names} failed, which {manifest} does not know: no segment is held by it."
    return Event("FailuresUnknown", message, Level.WARN)


def reset_stopped(key: str, forgotten: Sequence[str]) -> Event:
    """An audience could not be let go of; those before it were, and those behind it are as they were."""
    names = ", ".join(forgotten) or "none"
    data = {"activation": key, "forgotten": list(forgotten)}
    return Event("ResetStopped", f"Stopped at {key}. Forgotten before: {names}.", Level.WARN, data)


def fetching(message: str) -> Event:
    """Artifacts come from elsewhere, and that takes time."""
    return Event("FetchingArtifacts", message)


def nothing_selected(keys: Iterable[str]) -> Event:
    """The selection matches none of the project's activations, whose keys these are."""
    known = list(keys)
    if known:
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        names = ", ".join(known[:_SHOWN])
        message = f"Nothing to do: the selection matches no activation. The project has: {names}{more}."
    else:
        message = (
            "Nothing to do: the project has no activation. Add `activation:` to the `config: meta:` of a "
            "model, then run `dbt build` or `dbt parse`."
        )
    return Event("NothingSelected", message, Level.WARN)
