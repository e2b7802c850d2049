"""The protocol, broken on purpose: the tests of its promises must notice each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """One way to break the protocol.

    Attributes:
        name: What is wrong with it.
        edits: File, the code as it is (stands there exactly once), and the broken code.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]


def mutant(name: str, *edits: tuple[str, str, str]) -> Mutant:
    """Make a mutant."""
    return Mutant(name, edits)


OPENINGS = (
    "        self._openings = tuple(o for o in self._log.openings(session) if o.run_id not in overtaken)\n"
)

MUTANTS = [
    mutant(
        "push before log",
        (
            "sync/run.py",
            "        changes = self._write_log()\n        pusher = self._push(audience, changes)\n",
            (
                "        changes = self._planned.changes(DeliveryLimits.of(self.destination))\n"
                "        pusher = self._push(audience, changes)\n        self._write_log()\n"
            ),
        ),
    ),
    mutant(
        "apply before receipts",
        ("state/snapshot.py", "{FIRST_OPENING} and a.accepted) ", "{FIRST_OPENING} or true) "),
        ("state/changes.py", "{FIRST_OPENING} and r.accepted)", "{FIRST_OPENING} or true)"),
    ),
    mutant(
        "open changes ignored",
        (
            "sync/planning.py",
            "unsure = self._log.unsure(self.session) if is_open else nobody()",
            "unsure = nobody()",
        ),
    ),
    mutant(
        "removals of a failed delivery recorded",
        (
            "sync/tally.py",
            "Outcome(delivery.number, False, now,",
            "Outcome(delivery.number, delivery.operation is Operation.REMOVE, now,",
        ),
    ),
    mutant(
        "lease unchecked",
        (
            "state/lease.py",
            'if not session.rows(f"select 1 from {self._table} where run_id = ?", [self.run_id]):',
            "if False:",
        ),
    ),
    mutant(
        "superseded changes closed too early",
        ("sync/ledger.py", OPENINGS, OPENINGS + "        self._log.supersede(session, self._openings)\n"),
    ),
    mutant(
        "overtaken run does not open its plan again",
        ("sync/run.py", "                self._ledger.reopen(session)\n", "                pass\n"),
    ),
    mutant(
        "dead run's changes closed by the run that takes over",
        ("sync/ledger.py", "if o.run_id not in overtaken)", "if True)"),
    ),
    mutant(
        "late receipts of an overtaken run count",
        (
            "sync/ledger.py",
            "            self._log.reopen(session, run_id, only_open=True)\n",
            "            pass\n",
        ),
    ),
    mutant(
        "an overtaken run clears away the other's rejections",
        (
            "state/rejections.py",
            "where audience_key = ? and recorded_by in ({marks})",
            "where audience_key = ? or recorded_by in ({marks})",
        ),
    ),
    mutant(
        "a rejection taken for a proof of absence",
        ("sync/ledger.py", "        if doubtful.height:\n", "        if False:\n"),
    ),
    mutant(
        "a rejection of somebody held taken for a proof of presence",
        (
            "sync/planning.py",
            "        plan = Plan(self.activation, diffs, _as_compared(unsure, diffs))\n",
            (
                "        told = self._log.unsure(self.session) if is_open else nobody()\n"
                "        plan = Plan(self.activation, diffs, _as_compared(told, diffs))\n"
            ),
        ),
    ),
    mutant(
        "a vanished audience not refilled",
        (
            "sync/audience.py",
            "pending=Pending.REFILL if vanished else Pending.NOTHING,",
            "pending=Pending.NOTHING,",
        ),
    ),
    mutant(
        "audience made before it is noted",
        ("sync/audience.py", "        self._note(pending=Pending.CREATE, making=self._wanted_place)\n", ""),
    ),
    mutant(
        "audience of somebody else replaced unasked",
        (
            "sync/audience.py",
            'if self.activation.on_existing == "replace":',
            'if self.activation.on_existing != "error":',
        ),
    ),
    mutant(
        "a vanished audience known by its old id not refilled",
        (
            "sync/audience.py",
            "        vanished = self.record.remote_id is not None\n",
            "        vanished = self.record.remote_id not in (None, audience.remote_id)\n",
        ),
    ),
    mutant(
        "another key of the same people not sent again",
        (
            "sync/planning.py",
            "            diffs |= {name: self._diff(",
            "            dict[str, Diff]() | {name: self._diff(",
        ),
    ),
    mutant(
        "receipts of a pair exchanged",
        (
            "sync/push.py",
            "        for delivery, answer in zip(parcel, answers, strict=True):\n",
            "        for delivery, answer in zip(parcel, reversed(answers), strict=True):\n",
        ),
    ),
    mutant(
        "members of every spelling sent",
        ("sync/diff.py", "    entering = _without(valid, held)\n", "    entering = candidates\n"),
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_there_is_something_to_break(mutant: Mutant) -> None:
    """The code that a mutant breaks stands where it says, once."""
    for file, old, _ in mutant.edits:
        assert (ROOT / "dbt_activate" / file).read_text().count(old) == 1


def broken_copy(mutant: Mutant, folder: Path) -> None:
    """Copy the package and its tests, and break the copy."""
    for name in ("dbt_activate", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, old, new in mutant.edits:
        path = folder / "dbt_activate" / file
        path.write_text(path.read_text().replace(old, new))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_protocol_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    """Each way to break the protocol makes one of its property tests fail."""
    broken_copy(mutant, tmp_path)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "tests/protocol"]
    chosen = ["--ignore", "tests/protocol/test_mutants.py"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DBT_ACTIVATE_NO_SHRINK": "1"}
    result = subprocess.run(
        [*command, *chosen], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "AssertionError" in result.stdout, f"{mutant.name}: not noticed\n{result.stdout[-3000:]}"
    assert result.returncode == 1
