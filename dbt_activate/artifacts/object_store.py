"""Artifacts in an object store that fsspec reaches: ``s3://``, ``gs://``, ``abfs://``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbt_activate.artifacts.origin import MANIFEST, RUN_RESULTS, SOURCES
from dbt_activate.errors import ArtifactError, ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path


class ObjectStoreOrigin:
    """Artifacts below a URL that fsspec knows, with the credentials that it finds by itself.

    Those in the URL, as in ``sftp://user:password@host``, and its query are never written into a message.

    Attributes:
        name: What to call it in messages.
    """

    name = "artifacts"

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def fetch(self, folder: Path) -> None:
        """Put the manifest into a folder, and what there is of the other files."""
        files, root = self._open()
        for name in (MANIFEST, RUN_RESULTS, SOURCES):
            content = self._read(files, root, name)
            if content is None and name == MANIFEST:
                raise self._problem(name, "is not there.", "Let --artifacts name dbt's target folder.")
            if content is not None:
                (folder / name).write_bytes(content)

    def _open(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # it ships no types
        except ModuleNotFoundError:
            raise ConfigError(
                f"{self._scheme}:// needs the package fsspec. Install it with: "
                "pip install 'dbt-activate[files]'"
            ) from None
        try:
            files, root = url_to_fs(self._url)
        except ImportError:
            raise ConfigError(
                f"{self._scheme}:// needs one more package beside fsspec: s3fs, gcsfs or adlfs."
            ) from None
        # The libraries raise anything, and their messages may hold a key.
        except Exception as error:
            failure = self._unreachable("", error)
        else:
            return files, str(root).rstrip("/")
        raise failure

    def _read(self, files: Any, root: str, name: str) -> bytes | None:
        try:
            return bytes(files.cat_file(f"{root}/{name}"))
        except FileNotFoundError:
            return None
        except Exception as error:
            # To whoever may not list the bucket, S3 refuses what is not there; the manifest could be read.
            if isinstance(error, PermissionError) and name != MANIFEST:
                return None
            failure = self._unreachable(name, error)
        raise failure

    @property
    def _scheme(self) -> str:
        return self._url.partition("://")[0]

    def _unreachable(self, name: str, error: Exception) -> ArtifactError:
        hint = "Check the address, and the credentials that its library finds here."
        return self._problem(name, f"cannot be read ({type(error).__name__}).", hint)

    def _problem(self, name: str, message: str, hint: str) -> ArtifactError:
        return ArtifactError([Problem(f"{self._place}/{name}".rstrip("/"), "", "", message, hint)])

    @property
    def _place(self) -> str:
        """The URL as it may be shown: without a query and a password. Before an ``@`` may be a container."""
        scheme, _, rest = self._url.partition("?")[0].partition("://")
        authority, slash, path = rest.partition("/")
        user, at, host = authority.rpartition("@")
        return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{path}"
