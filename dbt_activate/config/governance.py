"""What a model's file says of its columns, held against what is mapped: personal data, contracts, nulls.

- A column whose ``meta`` has ``pii: true`` leaves the warehouse hashed, or because ``allow_plain`` names it.
- Where dbt enforces a contract, the mapped columns are in it, and of types that keep an identifier as it is.
- A model of which no mapped column is tested ``not_null`` may hold rows that are nobody: a hint, no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dbt_activate.errors import Problem
from dbt_activate.identifiers import Form, is_inexact
from dbt_activate.problems import near_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dbt_activate.config.activation import Activation, FieldMapping
    from dbt_activate.dbt.manifest import Manifest
    from dbt_activate.dbt.model import Contract, Model

Value = TypeVar("Value")

PII_KEY = "pii"

_NOT_PII = ("false", "no", "none", "")

_NOT_NULL_TESTS = {"not_null", "expect_column_values_to_not_be_null"}


class Finding(NamedTuple):
    """One thing that the model's file forbids.

    Attributes:
        key: The setting.
        message: What is wrong with it.
        hint: What to do.
    """

    key: str
    message: str
    hint: str


def column_findings(
    model: Model, fields: Iterable[FieldMapping], allowed: Sequence[str]
) -> Iterator[Finding]:
    """Hold a mapping against what its model's file says of the columns.

    Args:
        model: The model.
        fields: The mapped columns.
        allowed: The columns that ``allow_plain`` names.
    """
    may_be_plain = {column.lower() for column in allowed}
    for field in fields:
        meta = _named(field.column, model.columns) or {}
        if field.form is Form.PLAIN and is_pii(meta) and field.column.lower() not in may_be_plain:
            yield _plain_pii(field)
        if model.contract:
            yield from _contract_findings(field, model, model.contract)


def is_pii(meta: Mapping[str, Any]) -> bool:
    """Tell whether a column's ``meta`` marks it as personal data. Whatever is no clear no, is a yes."""
    return str(meta.get(PII_KEY) or "").strip().lower() not in _NOT_PII


def null_hints(manifest: Manifest, activations: Iterable[Activation]) -> Iterator[Problem]:
    """Yield a hint for each model of which nothing says that every row is somebody."""
    tested = _tested_not_null(manifest)
    seen: set[str] = set()
    for one in activations:
        model = one.model
        known = tested.get(model.unique_id, set()) | _lowered(
            model.contract.not_null if model.contract else ()
        )
        columns = list(dict.fromkeys(field.column for field in one.fields))
        if model.unique_id in seen or known & _lowered(columns):
            continue
        seen.add(model.unique_id)
        yield _null_hint(model, columns)


def _plain_pii(field: FieldMapping) -> Finding:
    kind = field.identifier_type
    way = "Set hash: sha256" if kind.hashable else f"{kind.name} cannot be hashed: map another column"
    return Finding(
        f"mapping.{kind.name}",
        f"column {field.column!r} is marked as personal data (meta.pii), and would be sent as it is.",
        f"{way}, or allow it with allow_plain: [{field.column}].",
    )


def _contract_findings(field: FieldMapping, model: Model, contract: Contract) -> Iterator[Finding]:
    key = f"mapping.{field.identifier_type.name}"
    type_name = _named(field.column, contract.types)
    if type_name is None:
        message = f"the contract of {model.versioned_name} has no column {field.column!r}."
        yield Finding(key, message, near_match(field.column, contract.types))
    elif is_inexact(type_name):
        message = (
            f"column {field.column!r} is of type {type_name} in the contract of {model.versioned_name}, "
            "in which 7 reads 7.0 and long numbers lose their last digits."
        )
        yield Finding(key, message, "Make it text or an integer.")


def _named(column: str, columns: Mapping[str, Value]) -> Value | None:
    """Find a column as the warehouse will: exactly, else whatever its letters' case."""
    if column in columns:
        return columns[column]
    return next((value for name, value in columns.items() if name.lower() == column.lower()), None)


def _tested_not_null(manifest: Manifest) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in manifest.resources.values():
        test = node.get("test_metadata") or {}
        if test.get("name") in _NOT_NULL_TESTS:
            column = node.get("column_name") or (test.get("kwargs") or {}).get("column_name") or ""
            attached = node.get("attached_node")
            models = [attached] if attached else (node.get("depends_on") or {}).get("nodes") or ()
            for model in models:
                found.setdefault(model, set()).add(column.strip('"`').lower())
    return found


def _lowered(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _null_hint(model: Model, columns: Sequence[str]) -> Problem:
    which = f"column {columns[0]!r} is" if len(columns) == 1 else f"any of {', '.join(columns)} is"
    return Problem(
        model.path,
        f"{model.resource_type} {model.versioned_name}",
        "",
        f"no test says that {which} not null, and a row without identifier is nobody.",
        "Add not_null to its data_tests.",
    )
