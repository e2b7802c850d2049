"""The settings of activations, each with where it comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dbt_activate.reporting.listing import Columns, Listing

if TYPE_CHECKING:
    from dbt_activate.config.explanation import Explanation, Setting


@dataclass(frozen=True, slots=True)
class _Lines(Listing["Setting"]):
    columns: ClassVar[Columns] = {
        "setting": lambda one: f"  {one.path}",
        "value": lambda one: shown(one.value),
        "from": lambda one: str(one.origin),
    }


@dataclass(frozen=True, slots=True)
class ExplanationListing(Listing["Explanation"]):
    """Activations with all their settings; as text, a table for each."""

    columns: ClassVar[Columns] = {
        "activation": lambda one: one.key,
        "model": lambda one: one.model.unique_id,
        "settings": lambda one: [_record(setting) for setting in one.settings],
    }

    def text(self) -> str:
        """Return a table of settings for each activation, under its key."""
        return "\n\n".join(f"{one.key}\n{_table(one)}" for one in self.items)

    def _shown(self) -> list[list[str]]:
        return [[one.key, one.model.unique_id, _table(one)] for one in self.items]


def shown(value: Any) -> str:
    """Write a setting's value for people, on one line."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _table(explanation: Explanation) -> str:
    """Return the table without its heading: what stands where is plain."""
    return _Lines(explanation.settings).text().partition("\n")[2]


def _record(setting: Setting) -> dict[str, Any]:
    origin = setting.origin
    return {
        "setting": setting.path,
        "value": setting.value,
        "source": origin.source.value,
        "place": origin.place or None,
    }
