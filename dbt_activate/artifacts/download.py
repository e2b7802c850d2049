"""JSON files over HTTP, with the retries that destinations have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbt_activate.errors import RefusedError
from dbt_activate.http.answer import Judge, RefusedAnswerError, Request, judge_status
from dbt_activate.http.client import Client
from dbt_activate.http.fixed_headers import FixedHeaders
from dbt_activate.throttle import Retry, Throttles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_SECONDS = 60.0
"""How long a server may be silent."""

RETRY = Retry(attempts=5, total_seconds=120.0)


class Downloads:
    """Fetches JSON from one server."""

    def __init__(
        self,
        label: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        judge: Judge = judge_status,
        retry: Retry = RETRY,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Make ready to fetch; asks nothing yet.

        Args:
            label: What to call the server in messages.
            base_url: What every path is put behind.
            headers: Prove who we are.
            params: A query that every request has; may be a signature.
            judge: Reads an answer.
            retry: How often a request is tried again.
            timeout_seconds: How long the server may be silent.
        """
        self.retry = retry
        self.throttle = Throttles(retry).get(label, None)
        self._params = dict(params or {})
        self._client = Client(
            label,
            base_url,
            throttle=self.throttle,
            retry=retry,
            timeout_seconds=timeout_seconds,
            credentials=FixedHeaders(headers),
            judge=judge,
        )

    def get(self, path: str, **params: str | int) -> Any:
        """Return the JSON at a path.

        Raises:
            DestinationError: It cannot be had, after the retries that make sense.
        """
        request = Request("GET", path, params={**self._params, **params}, personal=True)
        try:
            return self._client.send(request).body
        except RefusedAnswerError as error:
            if 300 <= error.status < 400:
                raise RefusedError(f"{request} is redirected. Use the address that it leads to.") from None
            raise

    def get_if_there(self, path: str, **params: str | int) -> Any:
        """Return the JSON at a path; None if there is none."""
        try:
            return self.get(path, **params)
        except RefusedAnswerError as error:
            if error.status == 404:
                return None
            raise

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def keep(folder: Path, name: str, content: Any) -> None:
    """Write JSON into a folder; None is not written."""
    if content is not None:
        with (folder / name).open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, separators=(",", ":"))
