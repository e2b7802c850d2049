"""Secrets and identifiers appear in nothing that we print or write, however much is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_activate.sandbox import Fault
from tests.shop import Shop, sha256

SECRET = "sandbox-secret"


def canaries(shop: Shop) -> list[str]:
    """Return what must not be seen: the secret, identifiers, and their hashes."""
    emails = ["canary.valid@shop.test", "canary.leaver@shop.test", "canary is no address"]
    return [SECRET, *emails, *sha256(emails), "6d92078a-8246-4ba4-ae5b-76104861e007"]


def written(folder: Path) -> str:
    """Return all text below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return "\n".join(path.read_bytes().decode(errors="replace") for path in files)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_private_is_seen(shop: Shop, log_format: str) -> None:
    """Not in lines, debug logs, errors, lists or the artifact: when all goes well, and when it does not."""
    shop.hold("newcomers", ["canary.leaver@shop.test", "canary is no address"])
    flags = ("--debug", "--log-format", log_format)
    said = [shop.activate("sync", *flags)]
    shop.hold("newcomers", ["canary.valid@shop.test", "canary is no address"])
    said.append(shop.activate("plan", *flags, "--allow-mass-removal"))
    shop.sandbox.faults.add(Fault(effect="error", status=403, operation="add"))
    said.append(shop.activate("sync", *flags, "--allow-mass-removal"))
    assert said[-1].exit_code == 1
    said += [
        shop.activate(command, *flags)
        for command in ("list", "validate", "debug", "status", "history", "rejections")
    ]
    everything = "\n".join(result.output for result in said) + written(shop.root / "target" / "activate")
    assert "canary" not in everything
    assert [one for one in canaries(shop) if one in everything] == []
