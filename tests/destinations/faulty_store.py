"""Places for files that go wrong on order: a local disk behind an fsspec file system of our own.

``faulty://`` is a disk, where a file can be half written and is then renamed. ``oss://`` stands for an object
store: an object is there whole or not at all, and nothing is renamed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

DISK, OBJECTS = "faulty", "oss"


class Damage(Enum):
    """What becomes of a call that goes wrong."""

    NONE = "not done"
    HALF = "half done"
    ALL = "done, and the answer lost"


@dataclass
class Calls:
    """The calls on one place: counted, and gone wrong on order.

    Attributes:
        made: What was called: the method, and the end of the path.
        before: Called before each call, with its method and path.
    """

    made: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], None] = lambda name, path: None
    _orders: list[tuple[int, int | None, Damage, BaseException]] = field(default_factory=list)
    _struck: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(
        self, error: BaseException, damage: Damage = Damage.NONE, *, nth: int = 1, times: int | None = 1
    ) -> Callable[[], int]:
        """Let the n-th call from now on go wrong, or from there on all; return what counts those that did."""
        first = len(self.made) + nth - 1
        self._struck = 0
        self._orders = [(first, None if times is None else first + times, damage, error)]
        return lambda: self._struck

    def clear(self) -> None:
        """Let all calls go well."""
        self._orders = []

    def take(self, name: str, path: str) -> tuple[Damage, BaseException] | None:
        """Note a call; return what is to go wrong."""
        self.before(name, path)
        with self._lock:
            number = len(self.made)
            self.made.append((name, path))
            for first, end, damage, error in self._orders:
                if first <= number and (end is None or number < end):
                    self._struck += 1
                    return damage, error
        return None


class FaultyFileSystem(LocalFileSystem):
    """A local disk whose calls go wrong on order."""

    protocol = DISK
    cachable = False

    def __init__(self, *, calls: Calls, renames_onto_files: bool = True, **more: Any) -> None:
        super().__init__(**more)
        self.calls = calls
        self.renames_onto_files = renames_onto_files

    def cat_file(self, path: str, *args: Any, **kwargs: Any) -> bytes:
        """Read."""
        return self._do("read", path, lambda: super(FaultyFileSystem, self).cat_file(path, *args, **kwargs))

    def ls(self, path: str, *args: Any, **kwargs: Any) -> list[Any]:
        """List."""
        return self._do("list", path, lambda: super(FaultyFileSystem, self).ls(path, *args, **kwargs))

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Look."""
        return self._do("look", path, lambda: super(FaultyFileSystem, self).exists(path, **kwargs))

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make folders."""
        self._do("make", path, lambda: super(FaultyFileSystem, self).makedirs(path, exist_ok))

    def pipe_file(self, path: str, value: bytes, *args: Any, **kwargs: Any) -> None:
        """Write, perhaps a half."""

        def write(content: bytes) -> None:
            Path(path).write_bytes(content)

        self._do("write", path, lambda: write(value), lambda: write(value[: len(value) // 2]))

    def mv(self, path1: str, path2: str, *args: Any, **kwargs: Any) -> None:
        """Rename; not onto a file, in a place that does not."""
        if self.renames_onto_files or not Path(path2).exists():
            self._do("rename", path2, lambda: super(FaultyFileSystem, self).mv(path1, path2, *args, **kwargs))

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        self._do("remove", path, lambda: super(FaultyFileSystem, self).rm_file(path))

    def rmdir(self, path: str) -> None:
        """Remove a folder."""
        self._do("remove", path, lambda: super(FaultyFileSystem, self).rmdir(path))

    def _do(
        self, name: str, path: str, work: Callable[[], Any], half: Callable[[], Any] = lambda: None
    ) -> Any:
        order = self.calls.take(name, path)
        if order is None:
            return work()
        damage, error = order
        if damage is not Damage.NONE:
            (work if damage is Damage.ALL else half)()
        raise error


class FaultyObjects(FaultyFileSystem):
    """An object store: what is written is there whole, under its own name, or not at all."""

    protocol = OBJECTS

    def pipe_file(self, path: str, value: bytes, *args: Any, **kwargs: Any) -> None:
        """Write an object; half of one is none."""

        def write() -> None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            draft = Path(path).parent / f".upload-{threading.get_ident()}"
            draft.write_bytes(value)
            draft.rename(path)

        self._do("write", path, write)

    def mv(self, path1: str, path2: str, *args: Any, **kwargs: Any) -> None:
        """Nothing is renamed in an object store."""
        raise NotImplementedError

    rmdir = makedirs = mv


for _place in (FaultyFileSystem, FaultyObjects):
    fsspec.register_implementation(_place.protocol, _place, clobber=True)
