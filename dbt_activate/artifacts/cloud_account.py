"""The account at dbt Cloud, as environment variables describe it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbt_activate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT_ID, API_TOKEN = "DBT_CLOUD_ACCOUNT_ID", "DBT_CLOUD_API_TOKEN"
HOST, WAIT_SECONDS = "DBT_CLOUD_HOST", "DBT_CLOUD_WAIT_SECONDS"

USUAL_HOST = "cloud.getdbt.com"
USUAL_WAIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class CloudAccount:
    """An account.

    Attributes:
        account_id: Its number.
        token: A service token or a personal access token.
        base_url: Where its API is; another one for each region, and for accounts with a prefix.
        wait_seconds: How long to wait for a run that has not finished.
    """

    account_id: str
    token: str = field(repr=False)
    base_url: str = f"https://{USUAL_HOST}"
    wait_seconds: float = USUAL_WAIT_SECONDS


def read_account(environment: Mapping[str, str]) -> CloudAccount:
    """Read the account from the environment.

    Raises:
        ConfigError: A variable is missing or wrong; all of them are said.
    """
    given = {name: environment.get(name, "").strip() for name in (ACCOUNT_ID, API_TOKEN, HOST, WAIT_SECONDS)}
    if problems := [text for text in _problems(given) if text]:
        raise ConfigError("\n".join(problems))
    return CloudAccount(
        account_id=given[ACCOUNT_ID],
        token=given[API_TOKEN],
        base_url=_base_url(given[HOST] or USUAL_HOST),
        wait_seconds=float(given[WAIT_SECONDS] or USUAL_WAIT_SECONDS),
    )


def _problems(given: Mapping[str, str]) -> list[str]:
    account, wait = given[ACCOUNT_ID], given[WAIT_SECONDS]
    return [
        ""
        if account
        else f"{ACCOUNT_ID} is not set. It is the number behind /accounts/ in dbt Cloud's URLs.",
        f"{ACCOUNT_ID} has to be a number." if account and not account.isdecimal() else "",
        "" if given[API_TOKEN] else f"{API_TOKEN} is not set. Make a service token in dbt Cloud's settings.",
        ""
        if _is_host(given[HOST])
        else f"{HOST} has to be a host, such as {USUAL_HOST} or ab123.us1.dbt.com.",
        f"{WAIT_SECONDS} has to be a number of seconds." if wait and not wait.isdecimal() else "",
    ]


def _is_host(text: str) -> bool:
    """Tell whether a text is a host, or an address with nothing behind it that could go astray."""
    try:
        parts = urlsplit(_base_url(text or USUAL_HOST))
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_address and not (parts.query or parts.username)


def _base_url(host: str) -> str:
    return (host if "://" in host else f"https://{host}").rstrip("/")
