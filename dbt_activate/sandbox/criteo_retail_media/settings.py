"""The knobs of the Criteo Retail Media sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from dbt_activate.sandbox.criteo.settings import App, GatewaySettings

Permission = Literal["accounts", "campaigns", "read", "manage"]

FIRST_ACCOUNT, SECOND_ACCOUNT = "342345123523334144", "342345123523334145"
"""Ids beyond 2**53, as real ones are."""


class Account(BaseModel):
    """A Retail Media account.

    Attributes:
        name: Its name.
        type: ``supply`` for a retailer's own, ``demand`` for a brand's.
        retailers: Names of the retailers that it works with, by id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str
    type: Literal["supply", "demand"] = "supply"
    retailers: dict[str, str] = {}


class RetailMediaClient(App):
    """An application that calls Retail Media.

    Attributes:
        accounts: The accounts that have given it their consent.
        permissions: What it may do: ``accounts`` to list accounts, ``campaigns`` to list retailers,
            ``read`` to search and to read statistics of audiences, ``manage`` for everything else.
    """

    accounts: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ("accounts", "campaigns", "read", "manage")


class RetailMediaSettings(GatewaySettings):
    """What can be set about the Criteo Retail Media sandbox. Documented are the defaults, if anything.

    Attributes:
        accounts: The accounts, by id.
        failures: Where an item of a request that failed is named: in the ``warnings`` or the ``errors``
            of a 200, or by ``status``, where no other item could be done.
        name_scope: Among whose segments a name is unique.
        missing_list: How a call on a list that does not exist says so: by ``status`` 404, or in the
            ``errors`` or the ``warnings`` of a 200.
        missing_list_code: With which code.
        without_consent: Whether calls on an account that gave no consent are ``refused`` with 403, or
            answered by an ``empty`` 200.
        tells_identifier_type: Whether a search says which type of identifier a list takes.
    """

    accounts: dict[str, Account] = {
        FIRST_ACCOUNT: Account(name="Grocer FR", retailers={"1234": "Grocer", "3239": "Grocer Express"}),
        SECOND_ACCOUNT: Account(name="Brand FR", type="demand", retailers={"1234": "Grocer"}),
    }
    clients: Mapping[str, RetailMediaClient] = {
        "sandbox": RetailMediaClient(
            secret=SecretStr("sandbox-secret"), accounts=(FIRST_ACCOUNT, SECOND_ACCOUNT)
        )
    }
    failures: Literal["warnings", "errors", "status"] = "warnings"
    name_scope: Literal["account", "retailer"] = "account"
    missing_list: Literal["status", "errors", "warnings"] = "status"
    missing_list_code: str = "audience-invalid"
    without_consent: Literal["refused", "empty"] = "refused"
    tells_identifier_type: bool = True
