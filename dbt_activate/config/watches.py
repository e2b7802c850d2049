"""``warnings:`` of an activation: what people are alerted to, from which figure on, and how urgently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

DEFAULT_RUNS = 5
"""How many earlier runs a segment's size is compared with."""


class Severity(StrEnum):
    """How urgent a warning is."""

    WARN = "warn"
    ERROR = "error"
    """The exit code is 1."""


class Kind(StrEnum):
    """What can be warned of; each is a key of ``warnings:``."""

    FAILED = "failed"
    GUARD = "guard"
    HELD = "held"
    UNCONFIRMED = "unconfirmed"
    EMPTY = "empty"
    REJECTED_SHARE = "rejected_share"
    REJECTED_COUNT = "rejected_count"
    SIZE_CHANGE = "size_change"
    UNCHANGED_DAYS = "unchanged_days"
    OVERDUE = "overdue"
    MATCH_RATE = "match_rate"


@dataclass(frozen=True, slots=True)
class Watch:
    """One thing to warn of.

    Attributes:
        kind: What.
        level: How urgent it is.
        value: From which figure on; None where it needs none, or where the schedule gives it.
        runs: How many earlier runs are compared with.
    """

    kind: Kind
    level: Severity = Severity.WARN
    value: float | None = None
    runs: int = DEFAULT_RUNS


USUAL_WATCHES = (
    Watch(Kind.FAILED, Severity.ERROR),
    Watch(Kind.GUARD, Severity.ERROR),
    Watch(Kind.HELD),
    Watch(Kind.UNCONFIRMED),
    Watch(Kind.OVERDUE),
)
"""What is watched where nothing is said."""

_LEVELS = set(Severity)
_NEEDS_VALUE = {
    Kind.REJECTED_SHARE,
    Kind.REJECTED_COUNT,
    Kind.SIZE_CHANGE,
    Kind.UNCHANGED_DAYS,
    Kind.MATCH_RATE,
}
_WRITTEN_FLAG = "must be true, false, warn or error; or a mapping with level"
_WRITTEN_LIMIT = "must be a number, false, or a mapping with value and level"


def written_out(value: Any) -> Any:
    """Turn the short form of one warning into the mapping that it stands for, to be merged key by key."""
    if isinstance(value, bool):
        return {"enabled": value}
    if isinstance(value, int | float):
        return {"value": value, "enabled": True}
    if isinstance(value, str) and value in _LEVELS:
        return {"level": value, "enabled": True}
    return {"enabled": True, **value} if isinstance(value, Mapping) else value


def all_written_out(warnings: Any) -> Any:
    """Do the same with all warnings of one layer; null stays null, and takes an earlier layer's away."""
    if not isinstance(warnings, Mapping):
        return warnings
    return {name: written_out(value) for name, value in warnings.items()}


def _flag(value: Any) -> Any:
    if type(value) in (int, float):
        raise ValueError(_WRITTEN_FLAG)
    return _mapping(value, _WRITTEN_FLAG)


def _limit(value: Any) -> Any:
    return _mapping(value, _WRITTEN_LIMIT)


def _figure(value: Any) -> Any:
    if value is True or (isinstance(value, str) and value in _LEVELS):  # without a figure it would be off
        raise ValueError(_WRITTEN_LIMIT)
    return _limit(value)


def _mapping(value: Any, otherwise: str) -> Any:
    written = written_out(value)
    if written is not None and not isinstance(written, Mapping):
        raise ValueError(otherwise)
    return written


class _Setting(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FlagSetting(_Setting):
    """A warning that needs no figure.

    Attributes:
        enabled: Whether it is given.
        level: How urgent it is.
    """

    enabled: bool = True
    level: Severity | None = None


class ShareSetting(FlagSetting):
    """A warning from a share on.

    Attributes:
        value: The share, 0 to 1.
    """

    value: float | None = Field(default=None, ge=0, le=1)


class CountSetting(FlagSetting):
    """A warning from a number on.

    Attributes:
        value: The number.
    """

    value: int | None = Field(default=None, ge=0)


class TimeSetting(FlagSetting):
    """A warning after some time.

    Attributes:
        value: The time, in the unit that the key says.
    """

    value: float | None = Field(default=None, gt=0)


class ChangeSetting(FlagSetting):
    """A warning where a segment's size differs from that of earlier runs.

    Attributes:
        value: The share of their mean by which it may differ; at most 10, which is elevenfold.
        runs: How many earlier runs.
    """

    value: float | None = Field(default=None, gt=0, le=10)
    runs: int | None = Field(default=None, ge=1, le=1000)


Flag = Annotated[FlagSetting | None, BeforeValidator(_flag)]
Share = Annotated[ShareSetting | None, BeforeValidator(_figure)]
Count = Annotated[CountSetting | None, BeforeValidator(_figure)]
Time = Annotated[TimeSetting | None, BeforeValidator(_figure)]
Delay = Annotated[TimeSetting | None, BeforeValidator(_limit)]
Change = Annotated[ChangeSetting | None, BeforeValidator(_figure)]


class WarningSettings(_Setting):
    """``warnings:``. Each is a figure, or a mapping of ``value`` and ``level``; false takes it away.

    Attributes:
        failed: The sync failed, or went through in part only.
        guard: A guard stopped it.
        held: A gate held the segment: its model or a test of it failed in dbt.
        unconfirmed: The tool accepted deliveries, and had not applied them when we stopped asking.
        empty: The segment is empty.
        rejected_share: More than this share of the segment stands rejected by name; or, where the tool only
            counts, of what was just added.
        rejected_count: More members than this were not taken.
        size_change: The segment's size differs by more than this share from the mean of the last
            successful runs (``runs``, 5 of them).
        unchanged_days: Nobody has entered or left for more than this many days.
        overdue: There was no success for more than this many hours; without a figure, where there is a
            schedule, for so long that it was due and is due once more.
        match_rate: The tool recognises less than this share of the audience, where it says so.
    """

    failed: Flag = None
    guard: Flag = None
    held: Flag = None
    unconfirmed: Flag = None
    empty: Flag = None
    rejected_share: Share = None
    rejected_count: Count = None
    size_change: Change = None
    unchanged_days: Time = None
    overdue: Delay = None
    match_rate: Share = None


def resolve(settings: WarningSettings | None) -> tuple[Watch, ...]:
    """Fill in what is watched where nothing is said."""
    usual = {watch.kind: watch for watch in USUAL_WATCHES}
    given = {} if settings is None else dict(settings)
    watches = (_resolved(kind, given.get(kind), usual.get(kind)) for kind in Kind)
    return tuple(watch for watch in watches if watch)


def _resolved(kind: Kind, given: FlagSetting | None, usual: Watch | None) -> Watch | None:
    if given is None:
        return usual
    value = getattr(given, "value", None)
    if not given.enabled or (value is None and kind in _NEEDS_VALUE):
        return None
    level = given.level or (usual.level if usual else Severity.WARN)
    return Watch(kind, level, value, getattr(given, "runs", None) or DEFAULT_RUNS)
