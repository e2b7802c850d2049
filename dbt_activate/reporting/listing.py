"""Results that are lists: sequences which a notebook shows as tables, and a terminal, too."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, overload

Item = TypeVar("Item")
Columns = Mapping[str, Callable[[Any], Any]]
"""The columns of a table: for each its name, and how to get its value from an item."""


@dataclass(frozen=True, slots=True)
class Listing(Sequence[Item], Generic[Item]):
    """A sequence of results of one kind.

    Attributes:
        items: The results.
        columns: How they are shown.
    """

    items: tuple[Item, ...]
    columns: ClassVar[Columns] = {}

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def records(self) -> list[dict[str, Any]]:
        """Return every item as a mapping of plain values, ready for JSON."""
        return [{name: _plain(value(item)) for name, value in self.columns.items()} for item in self.items]

    def text(self) -> str:
        """Return an aligned table; an empty text if there are no items."""
        if not self.items:
            return ""
        numeric = [
            any(isinstance(value, int) for value in column) for column in zip(*self._rows(), strict=True)
        ]
        rows = [[name.replace("_", " ") for name in self.columns], *self._shown()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_aligned(row, widths, numeric) for row in rows)

    def _rows(self) -> list[list[Any]]:
        return [[value(item) for value in self.columns.values()] for item in self.items]

    def _shown(self) -> list[list[str]]:
        return [[_shown(value) for value in row] for row in self._rows()]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in self.columns)
        rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in self._shown())
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _aligned(row: list[str], widths: list[int], numeric: list[bool]) -> str:
    cells = (
        cell.rjust(width) if is_number else cell.ljust(width)
        for cell, width, is_number in zip(row, widths, numeric, strict=True)
    )
    return "  ".join(cells).rstrip()


def _plain(value: Any) -> Any:
    return value.isoformat() + "Z" if isinstance(value, datetime) else value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={'+'.join(parts)}" for key, parts in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
