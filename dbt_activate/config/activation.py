"""An activation: one segment bound to one audience, as its model declares it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dbt_activate.config.schedule import Schedule, ScheduleField, schedule_layer
from dbt_activate.config.watches import USUAL_WATCHES, WarningSettings, Watch, all_written_out
from dbt_activate.dbt.gates import USUAL_GATES, GateOptions, Scope
from dbt_activate.identifiers import Form, IdentifierType

if TYPE_CHECKING:
    from dbt_activate.dbt.model import Model
    from dbt_activate.destination import AudienceSettings

DEFAULT_MAX_REMOVED = 0.3


def activation_key(destination: str | None, name: str) -> str:
    """Return what names an activation within the project."""
    return f"{destination}.{name}"


class OnExisting(StrEnum):
    """What to do where the audience exists already and was not made by this activation."""

    ERROR = "error"
    ADOPT = "adopt"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Guards:
    """What stops a run before its first request.

    Attributes:
        max_removed: The share of the snapshot that one run may remove, 0 to 1.
        allow_empty: Whether the segment may be empty.
    """

    max_removed: float = DEFAULT_MAX_REMOVED
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One column that leaves the warehouse, and as what.

    Attributes:
        identifier_type: What the column holds.
        column: The column, as the user wrote it.
        form: In which form its values are sent.
    """

    identifier_type: IdentifierType
    column: str
    form: Form

    @property
    def member_type(self) -> str:
        """The identifier type as it stands in the state: with ``:sha256`` if it is sent hashed.

        Members that are sent in another form than before are other members, so a changed ``hash:`` is
        a changed set.
        """
        name = self.identifier_type.name
        return name if self.form is Form.PLAIN else f"{name}:{self.form}"


@dataclass(frozen=True, slots=True)
class Activation:
    """A segment bound to an audience, with every default filled in.

    Attributes:
        name: Unique within its destination; the model's name unless the activation has one.
        destination: The name of the entry in ``destinations.yml``.
        model: The segment.
        audience: The audience as it is wanted, checked by its destination.
        fields: The mapped columns.
        guards: What stops a run.
        on_existing: What to do where the audience exists and is not ours.
        retry_rejected: Whether rejected members are sent again by later runs.
        gates: What holds the segment, as dbt's last invocation went.
        schedule: How often the audience may be refreshed; None for at every sync.
        watches: What people are alerted to.
    """

    name: str
    destination: str
    model: Model
    audience: AudienceSettings
    fields: tuple[FieldMapping, ...]
    guards: Guards = Guards()
    on_existing: OnExisting = OnExisting.ERROR
    retry_rejected: bool = True
    gates: GateOptions = USUAL_GATES
    schedule: Schedule | None = None
    watches: tuple[Watch, ...] = USUAL_WATCHES

    @property
    def key(self) -> str:
        """What names it within the project, and keeps its state: ``criteo.vip_customers``."""
        return activation_key(self.destination, self.name)

    @property
    def fingerprint(self) -> str:
        """Changes when the same segment would be sent differently: another relation, mapping or audience."""
        columns = [(field.member_type, field.column) for field in self.fields]
        audience = self.audience.model_dump(mode="json")
        told = [self.model.relation_name, columns, audience, self.on_existing.value, self.retry_rejected]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _as_columns(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value and all(isinstance(column, str) for column in value):
        return tuple(dict.fromkeys(value))
    raise ValueError("must be the name of a column, or a list of them")


def _as_audience(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...] | None, BeforeValidator(_as_columns)]


class GuardSettings(BaseModel):
    """``guards:``; see `Guards`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    max_removed: float | None = Field(default=None, ge=0, le=1)
    allow_empty: bool | None = None


class GateSettings(BaseModel):
    """``gates:``; see `dbt_activate.dbt.gates.GateOptions`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tests: Scope | None = None
    freshness: bool | None = None


class ActivationSettings(BaseModel):
    """What may stand under ``activation:`` and in every layer of its defaults. Null takes a default away.

    Attributes:
        destination: An entry of ``destinations.yml``.
        name: Names the activation; needed where one model feeds one destination twice.
        audience: The audience's name, or a mapping of what the destination knows of audiences.
        mapping: For each identifier type its column, or a list of columns.
        hash: In which form identifiers that may be hashed are sent.
        allow_plain: Columns marked ``pii: true`` that may be sent as they are.
        guards: What stops a run before its first request.
        on_existing: What to do where the audience exists and is not ours.
        retry_rejected: Whether rejected members are sent again by later runs.
        gates: What holds the segment, as dbt's last invocation went.
        schedule: How often the audience may be refreshed: a rhythm, a cron expression, or a mapping.
        warnings: What people are alerted to, from which figures on.
        enabled: Whether the activation is there at all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    destination: str | None = None
    name: str | None = Field(default=None, min_length=1)
    audience: Annotated[dict[str, Any] | None, BeforeValidator(_as_audience)] = None
    mapping: dict[str, Columns] | None = None
    hash: Form | None = None
    allow_plain: Columns = None
    guards: GuardSettings | None = None
    on_existing: OnExisting | None = None
    retry_rejected: bool | None = None
    gates: GateSettings | None = None
    schedule: ScheduleField = None
    warnings: WarningSettings | None = None
    enabled: bool | None = None


def merge_layers(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge settings, later layers over earlier ones.

    Mappings merge key by key at every depth, anything else is replaced, and null removes what an
    earlier layer said.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merged(merged, spelt_out(layer))
    return merged


def spelt_out(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layer with its short forms written out, so that it can be merged key by key."""
    short = {"audience": _as_audience, "schedule": schedule_layer, "warnings": all_written_out}
    return {key: short[key](value) if key in short else value for key, value in layer.items()}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = _merged(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged
