"""What changed in the activations of a project since an earlier manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dbt_activate.config.explanation import by_key

if TYPE_CHECKING:
    from dbt_activate.config.explanation import Explanation


class ChangeKind(StrEnum):
    """What happened to an activation."""

    NEW = "new"
    CHANGED = "changed"
    OFF = "switched off"
    """It is still declared, with ``enabled: false``. Its audience stays as it is."""
    ON = "switched on"
    GONE = "gone"
    """It is not declared any more. Its audience stays as it is until ``dbt-activate prune``."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that has another final value than before.

    Attributes:
        path: Its key, such as ``guards.max_removed``.
        before: Its value then, ready for JSON; None if it was not set.
        after: Its value now.
    """

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """An activation that is not as it was.

    Attributes:
        key: The activation's key.
        kind: What happened to it.
        settings: What changed of its settings, if it was there before and still is.
    """

    key: str
    kind: ChangeKind
    settings: tuple[SettingChange, ...] = ()


def compare(before: Iterable[Explanation], after: Iterable[Explanation]) -> tuple[Change, ...]:
    """Compare what was declared with what is, by key and by final values. Ordered by key."""
    old, new = by_key(before), by_key(after)
    changes = (_change(key, old.get(key), new.get(key)) for key in sorted({*old, *new}))
    return tuple(change for change in changes if change)


def _change(key: str, old: Explanation | None, new: Explanation | None) -> Change | None:
    was_on, is_on = bool(old and old.is_enabled), bool(new and new.is_enabled)
    if was_on and is_on and old and new:
        settings = tuple(_setting_changes(_values(old), _values(new)))
        return Change(key, ChangeKind.CHANGED, settings) if settings else None
    if is_on:
        return Change(key, ChangeKind.ON if old else ChangeKind.NEW)
    if was_on:
        return Change(key, ChangeKind.OFF if new else ChangeKind.GONE)
    return None


def _values(explanation: Explanation) -> Mapping[str, Any]:
    return {"model": explanation.model.unique_id, **explanation.values}


def _setting_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[SettingChange]:
    for path in dict.fromkeys([*after, *before]):
        if before.get(path) != after.get(path):
            yield SettingChange(path, before.get(path), after.get(path))
