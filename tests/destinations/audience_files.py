"""What is in the folder of the destination ``files``, seen by whoever reads the files."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

import fsspec
import polars as pl

from dbt_activate.destinations.files.audience_card import Card, folder_name, new_id
from dbt_activate.destinations.files.tables import IDENTIFIER, KIND, OPERATION


class AudienceFiles:
    """All audiences at one place."""

    def __init__(self, url: str, content: str = "members", kind: str = "csv") -> None:
        self.url = url
        self.content = content
        self.kind = kind
        self.files, self.root = fsspec.core.url_to_fs(url)

    def members(self, remote_id: str) -> dict[str, set[str]]:
        """Return who is in an audience: by its list, or by all changes in the order of their names."""
        folder = f"{self.root}/{remote_id.rpartition('/')[0]}"
        held: dict[str, set[str]] = defaultdict(set)
        if self.content == "members":
            for kind, identifier in self._read(f"{folder}/members.{self.kind}").rows():
                held[kind].add(identifier)
        for path in sorted(self.files.glob(f"{folder}/changes/*.{self.kind}")):
            for row in self._read(path).iter_rows(named=True):
                who = held[row[KIND]]
                (who.add if row[OPERATION] == "add" else who.discard)(row[IDENTIFIER])
        return {kind: who for kind, who in held.items() if who}

    def cards(self) -> dict[str, dict[str, Any]]:
        """Return the card of every audience by its id."""
        cards = [
            json.loads(self.files.cat_file(path)) for path in self.files.glob(f"{self.root}/*/audience.json")
        ]
        return {card["id"]: card for card in cards}

    def add_audience(self, name: str, members: Mapping[str, Iterable[str]]) -> str:
        """Make an audience as another project of dbt-activate would."""
        folder = folder_name(name)
        card = Card(new_id(folder), name, None, self.content, self.kind)
        self._write(f"{folder}/audience.json", card.to_bytes())
        if self.content == "members":
            self._write(f"{folder}/members.{self.kind}", self._table([], (KIND, IDENTIFIER)))
        self.put_members(card.id, members)
        return card.id

    def put_members(self, remote_id: str, members: Mapping[str, Iterable[str]]) -> None:
        """Put members in by hand: into the list, or with one more file that comes before all others."""
        folder = remote_id.rpartition("/")[0]
        rows = [(kind, who) for kind, people in members.items() for who in people]
        if self.content == "members":
            path = f"{folder}/members.{self.kind}"
            held = self._read(f"{self.root}/{path}").rows()
            self._write(path, self._table([*held, *rows], (KIND, IDENTIFIER)))
        else:
            changes = [("add", *row) for row in rows]
            path = f"{folder}/changes/00000000-{secrets.token_hex(8)}.{self.kind}"
            self._write(path, self._table(changes, (OPERATION, KIND, IDENTIFIER)))

    def delete_audience(self, remote_id: str) -> None:
        """Remove the folder."""
        self.files.rm(f"{self.root}/{remote_id.rpartition('/')[0]}", recursive=True)

    def paths(self) -> list[str]:
        """Return all files, relative to the place."""
        return sorted(path.removeprefix(f"{self.root}/") for path in self.files.find(self.root))

    def _read(self, path: str) -> pl.DataFrame:
        content = BytesIO(self.files.cat_file(path))
        return pl.read_csv(content, infer_schema=False) if self.kind == "csv" else pl.read_parquet(content)

    def _write(self, path: str, content: bytes) -> None:
        self.files.makedirs(f"{self.root}/{path.rpartition('/')[0]}", exist_ok=True)
        self.files.pipe_file(f"{self.root}/{path}", content)

    def _table(self, rows: list[tuple[str, ...]], columns: tuple[str, ...]) -> bytes:
        table = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
        buffer = BytesIO()
        (table.write_csv if self.kind == "csv" else table.write_parquet)(buffer)
        return buffer.getvalue()
