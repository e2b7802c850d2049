"""Artifacts below a web address: an object store's public or signed prefix, or any web server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from dbt_activate.artifacts.download import RETRY, TIMEOUT_SECONDS, Downloads, keep
from dbt_activate.artifacts.origin import MANIFEST, RUN_RESULTS, SOURCES
from dbt_activate.errors import AccessError, ArtifactError, ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any
    from urllib.parse import SplitResult

    from dbt_activate.throttle import Retry


class WebOrigin:
    """Artifacts that are fetched one by one from below an address.

    A query in the address, such as a signature, goes with every request; so does ``user:password@``, as a
    header. Neither is ever written into a message.

    Attributes:
        name: What to call it in messages.
    """

    name = "artifacts"

    def __init__(self, url: str, *, retry: Retry = RETRY, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Make ready to fetch.

        Raises:
            ConfigError: It is no address of a server.
        """
        parts = _split(url)
        self._place = f"{parts.scheme}://{_host(parts)}{parts.path.rstrip('/')}"
        self._downloads = Downloads(
            "The server of the artifacts",
            self._place,
            headers=_authorization(parts),
            params=dict(parse_qsl(parts.query, keep_blank_values=True)),
            retry=retry,
            timeout_seconds=timeout_seconds,
        )

    def fetch(self, folder: Path) -> None:
        """Put the manifest into a folder, and what there is of the other files."""
        try:
            manifest = self._downloads.get_if_there(f"/{MANIFEST}")
            if manifest is None:
                hint = "Let --artifacts name the address of dbt's target folder."
                raise ArtifactError([Problem(f"{self._place}/{MANIFEST}", "", "", "is not there.", hint)])
            keep(folder, MANIFEST, manifest)
            for name in (RUN_RESULTS, SOURCES):
                keep(folder, name, self._optional(f"/{name}"))
        finally:
            self._downloads.close()

    def _optional(self, path: str) -> Any:
        try:
            return self._downloads.get_if_there(path)
        except AccessError:
            # S3 says 403 of what is not there to whoever may not list the bucket; the manifest, beside
            # it, could be read.
            return None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:  # its message may quote a password
        is_address = False
    if not is_address:
        raise ConfigError("What --artifacts names is no web address. Give all of it: https://host/folder.")
    return parts


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}
