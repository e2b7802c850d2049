"""Finding the mapped columns of a model."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from dbt_activate.config.activation import Activation, FieldMapping
from dbt_activate.errors import ConfigError, RelationMissingError
from dbt_activate.identifiers import CUSTOMER_ID, EMAIL, Form
from dbt_activate.sync.diff import IDENTIFIER
from dbt_activate.sync.segment import Segment, find_segment
from tests.protocol.world import MemoryWarehouse, Session, World


def activation(email: str = "email", customer_id: str = "other") -> Activation:
    """Map two columns."""
    fields = (FieldMapping(EMAIL, email, Form.PLAIN), FieldMapping(CUSTOMER_ID, customer_id, Form.PLAIN))
    return replace(World().activation, fields=fields)


@pytest.fixture
def warehouse() -> MemoryWarehouse:
    """A warehouse with the model ``people``."""
    connection = duckdb.connect()
    connection.execute('create table people ("E Mail" varchar, other integer, secret varchar)')
    connection.execute("insert into people values ('a', 1, 's'), (null, 2, 's'), ('a', null, 's')")
    return MemoryWarehouse(lambda step: None, connection)


def found(warehouse: MemoryWarehouse, activation: Activation) -> Segment:
    """Find the segment."""
    with warehouse.session() as session:
        return find_segment(session, warehouse, activation)


def read(warehouse: MemoryWarehouse, activation: Activation) -> list[str]:
    """Read the values of all mapped columns."""
    segment = found(warehouse, activation)
    with warehouse.session() as session:
        assert isinstance(session, Session)
        return sorted(segment.values(session, activation.fields)[IDENTIFIER])


def test_mapped_columns_are_read_as_text_without_nulls(warehouse: MemoryWarehouse) -> None:
    """Values come as they stand, with their duplicates; a number becomes text."""
    assert read(warehouse, activation("E Mail", "other")) == ["1", "2", "a", "a"]


def test_only_mapped_columns_are_read(warehouse: MemoryWarehouse) -> None:
    """A column that is not mapped is not named in any query."""
    mapped = activation("E Mail", "other")
    assert "secret" not in found(warehouse, mapped).query(mapped.fields)


def test_a_column_is_found_in_another_case(warehouse: MemoryWarehouse) -> None:
    """Warehouses fold names, each in its way; the query has the warehouse's own spelling."""
    assert found(warehouse, activation("e mail", "OTHER")).columns == {"e mail": "E Mail", "OTHER": "other"}
    assert read(warehouse, activation("e mail", "OTHER")) == ["1", "2", "a", "a"]


def test_a_missing_column_is_named_with_a_near_one(warehouse: MemoryWarehouse) -> None:
    """The message says what was probably meant, and what there is."""
    with pytest.raises(ConfigError) as caught:
        found(warehouse, activation("E Mail", "othr"))
    [problem] = caught.value.problems
    assert (problem.key, problem.where) == ("mapping.customer_id", "activation tool.people")
    assert problem.file == "models/people.yml"
    assert "no column 'othr'" in problem.message
    assert "Did you mean 'other'?" in problem.hint
    assert "It has: E Mail, other, secret." in problem.hint
    assert "dbt build" in problem.hint


def test_no_guess_where_nothing_is_near(warehouse: MemoryWarehouse) -> None:
    """A far-fetched suggestion would mislead."""
    with pytest.raises(ConfigError) as caught:
        found(warehouse, activation("E Mail", "zzz"))
    assert "Did you mean" not in str(caught.value)


def test_all_missing_columns_are_reported_at_once(warehouse: MemoryWarehouse) -> None:
    """One run tells all that is wrong."""
    with pytest.raises(ConfigError) as caught:
        found(warehouse, activation("email_address", "nr"))
    assert [problem.key for problem in caught.value.problems] == ["mapping.email", "mapping.customer_id"]


def test_a_model_that_was_never_built_is_missed(warehouse: MemoryWarehouse) -> None:
    """There is nothing to look for columns in."""
    warehouse.connection.execute("drop table people")
    with pytest.raises(RelationMissingError, match="people"):
        found(warehouse, activation())


@pytest.mark.parametrize("type_name", ["double", "real"])
def test_a_column_that_cannot_hold_identifiers_is_refused(warehouse: MemoryWarehouse, type_name: str) -> None:
    """A floating-point number is not what the tool knows the customer by; the message says what to do."""
    warehouse.connection.execute(f"alter table people alter other type {type_name}")
    with pytest.raises(ConfigError, match="Cast it to text or to an integer") as refused:
        found(warehouse, activation("E Mail", "other"))
    assert refused.value.problems[0].key == "mapping.customer_id"
