"""The pages of the documentation, and the fenced blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|--) (\S+\.(?:yml|sql))$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        page: The page.
        language: What stands behind the fence.
        text: The lines in between.
        start: Where they begin in the page, in characters.
    """

    page: Path
    language: str
    text: str
    start: int

    @property
    def file(self) -> str | None:
        """The file that the block shows, if its first line is a comment that names one."""
        named = _FILE.match(self.text.partition("\n")[0])
        return named[1] if named else None


def read_blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in order."""
    for found in _FENCED.finditer(page.read_text(encoding="utf-8")):
        yield Block(page, found[1], found[2], found.start(2))


def page_id(page: Path) -> str:
    """Name a page from the root of the repository."""
    return page.relative_to(ROOT).as_posix()
