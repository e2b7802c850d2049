"""Credentials that stand in headers and stay what they are, such as the key to an API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.http.client import Credentials


class FixedHeaders:
    """Headers that prove who we are; a `dbt_activate.http.client.Credentials`."""

    def __init__(self, headers: Mapping[str, str], proof: Credentials | None = None) -> None:
        """Hold headers.

        Args:
            headers: Sent with each request.
            proof: Gives further ones, which can be renewed.
        """
        self._headers = headers
        self._proof = proof

    def headers(self) -> Mapping[str, str]:
        """Return all headers."""
        return {**self._headers, **(self._proof.headers() if self._proof else {})}

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Tell whether others can be had: only where some can be renewed."""
        own = {name: value for name, value in headers.items() if name not in self._headers}
        return self._proof is not None and self._proof.refused(own)

    def close(self) -> None:
        """Close connections."""
        if self._proof:
            self._proof.close()
