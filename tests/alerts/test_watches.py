"""``warnings:``: how layers of it merge, what holds where nothing is said, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_activate.config.activation import ActivationSettings, merge_layers
from dbt_activate.config.declaration import layer_problems
from dbt_activate.config.watches import USUAL_WATCHES, Kind, Severity, Watch, resolve
from dbt_activate.errors import Problem


def watches(*layers: dict[str, Any]) -> dict[Kind, Watch]:
    """Merge layers of ``warnings:``, the last over the others, and fill in the rest."""
    merged = merge_layers(*({"warnings": layer} for layer in layers))
    return {one.kind: one for one in resolve(ActivationSettings.model_validate(merged).warnings)}


def test_what_is_watched_where_nothing_is_said() -> None:
    """What went wrong; figures need a threshold that only a person knows."""
    assert tuple(watches().values()) == USUAL_WATCHES
    assert [one.kind for one in USUAL_WATCHES] == ["failed", "guard", "held", "unconfirmed", "overdue"]
    assert [one.kind for one in USUAL_WATCHES if one.level is Severity.ERROR] == ["failed", "guard"]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([{"size_change": 0.5}], Watch(Kind.SIZE_CHANGE, value=0.5)),
        (
            [{"size_change": {"value": 0.5, "runs": 9}}, {"size_change": 0.2}],
            Watch(Kind.SIZE_CHANGE, value=0.2, runs=9),
        ),
        (
            [{"size_change": 0.5}, {"size_change": {"level": "error"}}],
            Watch(Kind.SIZE_CHANGE, Severity.ERROR, 0.5),
        ),
        ([{"size_change": 0.5}, {"size_change": False}], None),
        ([{"size_change": 0.5}, {"size_change": None}], None),
        (
            [{"size_change": 0.5}, {"size_change": False}, {"size_change": 0.1}],
            Watch(Kind.SIZE_CHANGE, value=0.1),
        ),
        ([{"size_change": {"level": "error"}}], None),
        ([{"empty": True}], Watch(Kind.EMPTY)),
        ([{"empty": "error"}, {"empty": True}], Watch(Kind.EMPTY, Severity.ERROR)),
        ([{"failed": False}], None),
        ([{"failed": False}, {"failed": None}], Watch(Kind.FAILED, Severity.ERROR)),
        ([{"held": "error"}], Watch(Kind.HELD, Severity.ERROR)),
        ([{"overdue": 36}], Watch(Kind.OVERDUE, value=36)),
        ([{"overdue": "error"}], Watch(Kind.OVERDUE, Severity.ERROR)),
    ],
)
def test_layers_merge(layers: list[dict[str, Any]], expected: Watch | None) -> None:
    """Destination, folder and activation each set what they want to, and leave the rest."""
    [kind] = {Kind(name) for layer in layers for name in layer}
    assert watches(*layers).get(kind) == expected


@pytest.mark.parametrize(
    ("warnings", "message"),
    [
        ({"size_chnage": 0.5}, "size_chnage: is not a key that is known here. Did you mean 'size_change'?"),
        ({"size_change": "much"}, "size_change: must be a number, false, or a mapping with value and level."),
        ({"size_change": {"value": 0.5, "level": "loud"}}, "size_change.level: must be 'warn' or 'error'."),
        ({"size_change": {"limit": 0.5}}, "size_change.limit: is not a key that is known here."),
        ({"size_change": {"value": 0.5, "runs": 0}}, "size_change.runs: must be greater than or equal to 1."),
        ({"size_change": 50}, "size_change.value: must be less than or equal to 10."),
        ({"rejected_share": 5}, "rejected_share.value: must be less than or equal to 1."),
        ({"rejected_count": -1}, "rejected_count.value: must be greater than or equal to 0."),
        ({"rejected_count": 0.5}, "rejected_count.value: "),
        (
            {"rejected_share": True},
            "rejected_share: must be a number, false, or a mapping with value and level.",
        ),
        ({"unchanged_days": "error"}, "unchanged_days: must be a number, false, or a mapping with value and"),
        ({"match_rate": 62}, "match_rate.value: must be less than or equal to 1."),
        ({"unchanged_days": 0}, "unchanged_days.value: must be greater than 0."),
        ({"overdue": -3}, "overdue.value: must be greater than 0."),
        ({"failed": 3}, "failed: must be true, false, warn or error; or a mapping with level."),
        ({"held": ["warn"]}, "held: must be true, false, warn or error; or a mapping with level."),
        ("loud", "warnings: must be a mapping of keys to values."),
    ],
)
def test_what_is_refused(warnings: Any, message: str) -> None:
    """Where it stands, with its key, and what is wrong."""
    place = Problem("models/vip.yml", "model vip", "", "")
    [problem] = layer_problems({"warnings": warnings}, place, set())
    assert message in str(problem)
    assert str(problem).startswith("models/vip.yml: model vip: warnings")
