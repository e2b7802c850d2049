"""The knobs of the Selligent sandbox."""

from __future__ import annotations

from typing import Literal, get_args

import pydantic
from pydantic import BaseModel, ConfigDict, SecretStr

Right = Literal[
    "organization",
    "lists",
    "fields",
    "segments",
    "create",
    "load",
    "remove",
    "clear",
    "delete",
    "search",
]

ALL_RIGHTS: tuple[Right, ...] = get_args(Right)


class Account(BaseModel):
    """A service account of type Custom.

    Attributes:
        secret: What goes behind its key.
        organizations: Which it may see.
        rights: Which endpoints it may call.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr
    organizations: tuple[str, ...] = ()
    rights: tuple[Right, ...] = ALL_RIGHTS


class Field(BaseModel):
    """A field of a list.

    Attributes:
        name: Its name.
        data_type: What it takes.
        length: The most characters of a text.
        is_unique: Whether a unique index covers it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    data_type: Literal["Text", "Long", "Numeric"] = "Text"
    length: int | None = 100
    is_unique: bool = True


class ProfileList(BaseModel):
    """A list.

    Attributes:
        organizations: To which it belongs.
        type: ``Userlist`` for people.
        fields: Its fields.
        known: Its records, by what stands in whatever field is the key; None for everybody.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    organizations: tuple[str, ...] = ("ACME",)
    type: Literal["Userlist", "Datalist", "DataSelectionList", "Optionlist", "Devicelist"] = "Userlist"
    fields: tuple[Field, ...] = (
        Field(name="CUSTOMER_ID"),
        Field(name="MAIL"),
        Field(name="LOYALTY_NUMBER", data_type="Long", length=None, is_unique=False),
    )
    known: frozenset[str] | None = None


class SelligentSettings(BaseModel):
    """What can be set about the Selligent sandbox. The defaults are what Selligent documents.

    Attributes:
        organizations: Those of the tenant.
        lists: Its lists, by API name.
        accounts: The service accounts, by key.
        rate_limit: Requests that a key may make in one window; None for no limit.
        rate_window_seconds: The length of that window.
        bulk_seconds: How long a call that loads or deletes rows takes. Its list is busy meanwhile.
        busy_shows_quota: Whether the 429 of a busy list has headers on the quota, as other answers have.
        max_rows: The most rows of one call; more are a 413. None for no limit.
        slow_rows: The most rows that are carried out in time; a call with more is carried out, and answered
            with `slow_status`. None for no limit.
        slow_status: How a call that takes too long is answered.
        index_rows: The most rows of a call whose key field has no unique index; None for no such guard.
        missing_segment: How a segment that is not there is told: by a 404, or by ``NotFound`` in a 200.
        unknown_counted_as: The counter of keys that are no record of the list.
        unknown_result: The result of a call with such keys; ``Failed`` where it has no others.
        first_index: Where ``record_index`` begins.
        lists_key: Where the lists of an organization stand in the answer.
        rows_as: How the rows of a search are written.
        max_take: The most rows of one search; None for no limit.
        large_take: What happens with a search for more: it gets fewer, or is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    organizations: tuple[str, ...] = ("ACME", "OTHER")
    lists: dict[str, ProfileList] = {
        "CUSTOMERS": ProfileList(organizations=("ACME", "OTHER")),
        "NEWSLETTER": ProfileList(),
        "PROSPECTS": ProfileList(),
    }
    accounts: dict[str, Account] = {
        "sandbox": Account(secret=SecretStr("sandbox-secret"), organizations=("ACME", "OTHER"))
    }
    rate_limit: int | None = pydantic.Field(default=2_500, ge=1)
    rate_window_seconds: float = pydantic.Field(default=60, gt=0)
    bulk_seconds: float = pydantic.Field(default=0.0, ge=0)
    busy_shows_quota: bool = False
    max_rows: int | None = pydantic.Field(default=None, ge=1)
    slow_rows: int | None = pydantic.Field(default=None, ge=1)
    slow_status: Literal[408, 504] = 504
    index_rows: int | None = pydantic.Field(default=None, ge=1)
    missing_segment: Literal["status", "result"] = "status"
    unknown_counted_as: Literal["not_found", "failed"] = "not_found"
    unknown_result: Literal["Succeeded", "PartiallySucceeded", "Failed"] = "PartiallySucceeded"
    first_index: Literal[0, 1] = 0
    lists_key: Literal["list", "lists"] = "list"
    rows_as: Literal["arrays", "objects"] = "arrays"
    max_take: int | None = pydantic.Field(default=None, ge=1)
    large_take: Literal["cut", "refused"] = "cut"
