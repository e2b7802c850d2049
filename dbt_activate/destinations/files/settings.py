"""The entry of the destination ``files``: where the files go, and what they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from dbt_activate.destination import DestinationSettings, Wanted
from dbt_activate.destinations.files.audience_card import ID_PATTERN


def _place(url: str) -> str:
    scheme, found, rest = url.partition("://")
    if not found:
        if not Path(url).is_absolute():
            raise ValueError(
                "is neither a URL nor an absolute path; write /data/audiences or s3://bucket/audiences"
            )
        return os.path.normpath(url)  # ".." and doubled slashes would make two names of one place
    parts = urlsplit(url)
    if "::" in url or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("may hold a bucket or host and a path alone; keys go into storage_options")
    return _place(rest) if scheme == "file" else f"{scheme}://{rest.rstrip('/')}"


def _veiled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _veiled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_veiled(inner) for inner in value]
    return SecretStr(value) if isinstance(value, str) else value


class Content(StrEnum):
    """What is kept of an audience."""

    MEMBERS = "members"
    CHANGES = "changes"


class Format(StrEnum):
    """What kind of file."""

    CSV = "csv"
    PARQUET = "parquet"


class FilesSettings(DestinationSettings):
    """The keys of a files entry in ``destinations.yml``.

    Attributes:
        url: The folder of all audiences: an absolute path, or a URL that fsspec knows, such as
            ``s3://bucket/audiences``.
        storage_options: What fsspec needs to get there, such as keys; all text in it is kept like secrets.
        content: ``members`` keeps one list of who is in the audience now; ``changes`` writes a file for
            each delivery.
        format: What kind of file.
    """

    url: Annotated[str, AfterValidator(_place)]
    storage_options: Annotated[dict[str, Any], AfterValidator(_veiled)] = Field(default_factory=dict)
    content: Content = Content.MEMBERS
    format: Format = Format.CSV


class FilesAudienceSettings(Wanted):
    """The keys of ``audience:``.

    Attributes:
        remote_id: The ``id`` in the ``audience.json`` of an audience that exists already.
    """

    remote_id: Annotated[str, Field(pattern=ID_PATTERN)] | None = None


def unveiled(value: Any) -> Any:
    """Return storage options as they are to be used."""
    if isinstance(value, Mapping):
        return {key: unveiled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unveiled(inner) for inner in value]
    return value.get_secret_value() if isinstance(value, SecretStr) else value
