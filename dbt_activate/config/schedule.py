"""How often an audience may be refreshed: every hour, day or week, by a cron expression, or by hand.

A schedule is a row of moments. An activation is due once one of them has passed since it was last synced,
and what counts as that time is the beginning of the whole invocation: so a sync that takes long, or waits
for others, moves nothing, and a job that runs every hour serves every schedule without drifting.

Where clocks change, the moments are those of Debian's cron: one that is skipped comes right after the gap,
one that comes twice counts once, and expressions that name no hour go by elapsed time.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

CRON_FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 or SUN to SAT",
}
"""The fields of a cron expression in their order, by `cronsim`'s names, and what they hold."""

_RHYTHM_KEYS = ("every", "at", "cron")
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_CRON_HINT = "Write minute, hour, day, month and weekday, such as '30 6 * * 1-5'; or {}."
_NEVER = "never fires: no month that it names has such a day.\nAs the day, L is the last of the month."


class Every(StrEnum):
    """The rhythms that have a name."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an audience may be refreshed. All times are in UTC and without a zone, as the state has them.

    Attributes:
        cron: The moments, as a cron expression; empty where only a person says when.
        timezone: The time zone of the expression.
        text: The same for people, such as ``daily at 06:30``.
    """

    cron: str
    timezone: str = "UTC"
    text: str = ""

    @property
    def is_manual(self) -> bool:
        """Whether only a person says when."""
        return not self.cron

    def due_at(self, last_success: datetime | None) -> datetime | None:
        """Say when it is due after a success: at the first moment of the schedule since.

        Args:
            last_success: When the last invocation began that synced it; None if there was none.

        Returns:
            The time. None if it has none: without a success it is due at once, and by hand never.
        """
        if last_success is None or self.is_manual:
            return None
        return next(self._moments(last_success), None)

    def is_due(self, now: datetime, last_success: datetime | None) -> bool:
        """Tell whether it is due: one of the moments has passed since the last success, or there was none."""
        if last_success is None:
            return not self.is_manual
        due = self.due_at(last_success)
        return due is not None and due <= now

    def is_overdue(
        self, now: datetime, last_success: datetime | None, grace: timedelta | None = None
    ) -> bool:
        """Tell whether a success is late.

        Args:
            now: The time.
            last_success: As in `due_at`. What was never synced has no time to be late by.
            grace: How long it may take from when it is due; None for until it is due once more, so that it
                does not matter when in an hour or a day the job runs.
        """
        due = self.due_at(last_success)
        if due is None:
            return False
        limit = self.due_at(due) if grace is None else due + grace
        return limit is not None and limit <= now

    def local(self, moment: datetime) -> str:
        """Write a time for people, in the schedule's time zone."""
        there = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.timezone))
        return f"{there:%Y-%m-%d %H:%M} {self.timezone}"

    def _moments(self, after: datetime) -> Iterator[datetime]:
        from cronsim import CronSim

        start = after.replace(tzinfo=UTC)
        for moment in CronSim(self.cron, start.astimezone(ZoneInfo(self.timezone))):
            # An hour that comes twice is looked at once: what it names may lie before the start.
            if (found := moment.astimezone(UTC)) > start:
                yield found.replace(tzinfo=None)


def schedule_layer(value: Any) -> Any:
    """Prepare one layer of settings to be merged over others.

    A text becomes the mapping that it is short for. Whoever says how often takes back all that earlier layers
    said of it, but not the time zone.
    """
    value = _as_mapping(value)
    if not isinstance(value, Mapping):
        return value
    says_how_often = any(value.get(key) is not None for key in _RHYTHM_KEYS)
    return {**dict.fromkeys(_RHYTHM_KEYS), **value} if says_how_often else value


def _as_mapping(value: Any) -> Any:
    if isinstance(value, str):
        return {"every" if value in set(Every) else "cron": value}
    return value


def _as_settings(value: Any) -> Any:
    if value is None or isinstance(value, str | Mapping):
        return _as_mapping(value)
    raise ValueError(f"must be text or a mapping.\nWrite {_names()}, or a cron expression in quotes.")


def _names() -> str:
    *most, last = (f"`{one}`" for one in Every)
    return f"{', '.join(most)} or {last}"


@cache
def _checked_cron(text: str) -> str:
    # Here and below, not above: most projects have no cron expression, and commands start sooner.
    from cronsim import CronSim, CronSimError

    fields = text.split()
    if len(fields) < 2:
        raise ValueError(f"is neither {_names()}, nor a cron expression.\n{_nearest_rhythm(text)}")
    if len(fields) != len(CRON_FIELDS):
        hint = _CRON_HINT.format(_names())
        raise ValueError(f"is no cron expression: it has {len(fields)} fields, not 5.\n{hint}")
    try:
        first = next(CronSim(text, datetime(2000, 1, 1, tzinfo=UTC)), None)
    except (CronSimError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise ValueError(_why_not(fields, str(error).removeprefix("Bad "))) from None
    if first is None:
        raise ValueError(_NEVER)
    return " ".join(fields)


def _nearest_rhythm(text: str) -> str:
    near = difflib.get_close_matches(text.strip("@ ").lower(), list(Every), n=1)
    return f"Did you mean {str(near[0])!r}?" if near else _CRON_HINT.format(_names())


def _why_not(fields: list[str], name: str) -> str:
    """Say what is wrong with an expression, of which `cronsim` names the field."""
    minute, hour, day, _, weekday = fields
    if name == "day-of-month" and _is_readable(f"{minute} {hour} {day} * {weekday}"):
        return _NEVER
    if name not in CRON_FIELDS:
        return f"is no cron expression.\n{_CRON_HINT.format(_names())}"
    position = list(CRON_FIELDS).index(name)
    hint = f"It takes {CRON_FIELDS[name]}, *, and lists, ranges and steps of them such as 1,2, 1-5 and */2."
    return f"is no cron expression: the {name}, field {position + 1}, is wrong.\n{hint}"


def _is_readable(cron: str) -> bool:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


@cache
def _checked_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; no relative path; a folder such as Europe
        raise ValueError(f"is no time zone that is known here.\n{_nearest_timezone(name)}") from None
    return name


def _nearest_timezone(name: str) -> str:
    known = {one.lower(): one for one in sorted(available_timezones())}
    if not known:
        return "This machine knows no time zones at all: pip install tzdata."
    wanted = name.strip().lower().replace(" ", "_")
    cities = [one for one in known if one.rpartition("/")[2] == wanted.rpartition("/")[2]]
    near = [*cities, *difflib.get_close_matches(wanted, known, n=1, cutoff=0.75)]
    return f"Did you mean {known[near[0]]!r}?" if near else "Write one such as 'Europe/Paris' or 'UTC'."


def _checked_time_of_day(text: str) -> str:
    found = _TIME_OF_DAY.fullmatch(text)
    if not found:
        raise ValueError("is no time of day.\nWrite hours and minutes in quotes, such as '06:30'.")
    return f"{int(found[1]):02}:{found[2]}"


class ScheduleSettings(BaseModel):
    """``schedule:`` as a mapping; a text is short for `every` or `cron`.

    Attributes:
        every: How often: at the full hour, at midnight, on Monday at midnight, or by hand only.
        at: The time of day for ``every: daily`` and ``every: weekly``, such as ``"06:30"``.
        cron: Minute, hour, day, month and weekday, in place of `every`.
        timezone: Whose hours and days are meant, such as ``Europe/Paris``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    every: Every | None = None
    at: Annotated[str, AfterValidator(_checked_time_of_day)] | None = None
    cron: Annotated[str, AfterValidator(_checked_cron)] | None = None
    timezone: Annotated[str, AfterValidator(_checked_timezone)] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> ScheduleSettings:
        if self.every and self.cron:
            raise ValueError("says how often twice, with `every` and `cron`.\nKeep one of them.")
        if self.at and self.every not in (Every.DAILY, Every.WEEKLY):
            raise ValueError(
                "has `at` without `every: daily` or `every: weekly` beside it.\n"
                "Add one of them; for other times write a `cron`."
            )
        return self

    def schedule(self) -> Schedule | None:
        """Return the schedule; None if only a time zone is said."""
        timezone = self.timezone or "UTC"
        if self.cron:
            return Schedule(self.cron, timezone, f"cron {self.cron}")
        if self.every is None:
            return None
        hour, minute = map(int, (self.at or "00:00").split(":"))
        crons = {
            Every.HOURLY: "0 * * * *",
            Every.DAILY: f"{minute} {hour} * * *",
            Every.WEEKLY: f"{minute} {hour} * * 1",
            Every.MANUAL: "",
        }
        return Schedule(crons[self.every], timezone, self.every + (f" at {self.at}" if self.at else ""))


ScheduleField = Annotated[ScheduleSettings | None, BeforeValidator(_as_settings)]
"""What may stand under ``schedule:``."""
