"""Files in a folder or an object store, through fsspec: read, listed, removed, and put there whole.

No message repeats what a library says: it may hold a key.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from dbt_activate.errors import (
    AccessError,
    AuthenticationError,
    ConfigError,
    DestinationError,
    RefusedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types

    from dbt_activate.throttle import Throttle

OBJECT_STORES = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oss", "s3", "s3a"})
"""Stores without folders, in which an object is there whole or not at all."""

PACKAGES = {
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "gcs": "gcsfs",
    "gs": "gcsfs",
    "s3": "s3fs",
    "s3a": "s3fs",
    "sftp": "paramiko",
    "ssh": "paramiko",
}
"""What fsspec needs for a kind of place, by the name of the package to install."""

Done = TypeVar("Done")

_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


def _nothing() -> None:
    pass


class FileStore:
    """One place, for any number of threads. Paths are relative to it."""

    def __init__(self, url: str, options: Mapping[str, Any], throttle: Throttle) -> None:
        """Make ready to read and write; opens nothing yet.

        Args:
            url: The place: a path, or a URL that fsspec knows.
            options: What fsspec needs to get there, such as keys.
            throttle: Lets nothing pass once the run is stopped.
        """
        self.url = url
        self._options = options
        self._throttle = throttle
        self._protocol = url.partition("://")[0] if "://" in url else "file"
        self._opened: tuple[AbstractFileSystem, str] | None = None
        self._opening = threading.Lock()

    def read(self, path: str) -> bytes | None:
        """Return a file; None if it is not there."""
        return self._attempt(lambda files, root: _none_if_missing(lambda: bytes(files.cat_file(root + path))))

    def put(self, path: str, content: bytes, *, before: Callable[[], None] = _nothing) -> None:
        """Write a file so that nobody ever sees half of it; one that is there is replaced.

        In an object store that is how objects are. Elsewhere it is written under another name in the
        same folder, and then renamed.

        Args:
            path: Where.
            content: What.
            before: Called right before the file is there for others; may raise, and nothing is changed.
        """
        if self._protocol in OBJECT_STORES:
            before()
            self._attempt(lambda files, root: files.pipe_file(root + path, content))
        else:
            self._write_and_rename(path, content, before)

    def names(self, folder: str) -> list[str] | None:
        """Return the names of the files in a folder, in order; None if the folder is not there."""
        found = self._attempt(
            lambda files, root: _none_if_missing(lambda: files.ls(root + folder, detail=False))
        )
        return found and sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is fine."""
        self._attempt(lambda files, root: _none_if_missing(lambda: files.rm_file(root + path)))

    def remove_folder(self, folder: str) -> None:
        """Remove a folder if nothing is in it any more."""
        if self._protocol not in OBJECT_STORES and self.names(folder) == []:
            self._attempt(lambda files, root: _none_if_missing(lambda: files.rmdir(root + folder)))

    def remove_drafts(self, folder: str) -> None:
        """Remove what a process that was cut off left in the middle of writing."""
        if self._protocol not in OBJECT_STORES:
            for name in self.names(folder) or ():
                if _DRAFT.fullmatch(name):
                    self.remove(f"{folder}/{name}")

    def _write_and_rename(self, path: str, content: bytes, before: Callable[[], None]) -> None:
        folder, _, name = path.rpartition("/")
        draft = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp"

        def write(files: AbstractFileSystem, root: str) -> None:
            files.makedirs(root + folder, exist_ok=True)
            files.pipe_file(root + draft, content)

        try:
            self._attempt(write)
            before()
            self._attempt(lambda files, root: files.mv(root + draft, root + path))
            self._expect_renamed(draft)
        except BaseException:
            with suppress(DestinationError):
                self._work(lambda files, root: _none_if_missing(lambda: files.rm_file(root + draft)))
            raise

    def _expect_renamed(self, draft: str) -> None:
        # HDFS says of a name that is taken only "false", in an answer that fsspec does not look at.
        if self._attempt(lambda files, root: files.exists(root + draft)):
            raise self._never_replaces()

    def _attempt(self, work: Callable[[AbstractFileSystem, str], Done]) -> Done:
        self._throttle.wait()
        return self._work(work)

    def _work(self, work: Callable[[AbstractFileSystem, str], Done]) -> Done:
        files, root = self._open()
        try:
            files.invalidate_cache()  # listings that a store keeps would hide what others did
            return work(files, root)
        except Exception as error:
            failure = self._in_words(error)
        # Outside of the except clause: what the library raised leads to keys and paths.
        raise failure

    def _open(self) -> tuple[AbstractFileSystem, str]:
        with self._opening:
            if self._opened is None:
                self._opened = self._connect()
            return self._opened

    def _connect(self) -> tuple[AbstractFileSystem, str]:
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # it ships no types
        except ModuleNotFoundError:
            raise ConfigError(
                "The destination files needs the package fsspec. Install it with: "
                "pip install 'dbt-activate[files]'"
            ) from None
        failure: Exception
        try:
            files, root = url_to_fs(self.url, **self._options)
        except ImportError:
            package = PACKAGES.get(self._protocol, "a package that fsspec names in its documentation")
            failure = ConfigError(
                f"{self._protocol}:// needs {package} beside fsspec. Install it with: pip install {package}"
            )
        except Exception as error:
            failure = self._in_words(error)
        else:
            return files, f"{root.rstrip('/')}/"
        raise failure

    def _never_replaces(self) -> RefusedError:
        return RefusedError(
            f"{self.url} does not let one file take the place of another. Set url to another kind of place, "
            "such as an object store or a folder of this machine."
        )

    def _in_words(self, error: Exception) -> DestinationError:
        kind = type(error).__name__
        match error:
            case FileExistsError():
                return self._never_replaces()
            case PermissionError():
                return AccessError(
                    f"{self.url} cannot be reached as is needed: reading, writing or deleting there is not "
                    "allowed. Check storage_options in destinations.yml, and the permissions there."
                )
            case NotImplementedError() | ValueError() | TypeError():
                return RefusedError(
                    f"fsspec cannot work with {self.url} as destinations.yml describes it ({kind}). Check "
                    "url and the names in storage_options."
                )
            case FileNotFoundError() if self._protocol in OBJECT_STORES:
                return RefusedError(f"{self.url} is not there. Make the bucket or the container first.")
            case _ if "credential" in kind.lower() or "auth" in kind.lower():
                return AuthenticationError(
                    f"{self.url} does not accept the credentials ({kind}). Check storage_options."
                )
        said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else kind
        return UnavailableError(f"{self.url} cannot be read or written now: {said}. Run again later.")


def _none_if_missing(work: Callable[[], Done]) -> Done | None:
    try:
        return work()
    except FileNotFoundError:
        return None
