"""The example of the documentation, carried out in a real Dagster that is installed for it."""

from __future__ import annotations

from tests.orchestrators.workshop import Workshop, example
from tests.shop import VIPS, Shop, sha256


def test_the_example(workshop: Workshop, shop: Shop) -> None:
    """The asset is materialized, with what the sync said in its log; a sync that fails, fails it."""
    workshop.install("dagster")
    (workshop.home / "shop.py").write_text(example("dagster", shop))
    materialize = ["python", "-c", _MATERIALIZE]
    done = workshop.run(*materialize, DAGSTER_HOME=str(workshop.home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK synced" in done.stdout + done.stderr
    assert shop.audience()["email"] == sha256(VIPS)

    (shop.root / "destinations.yml").unlink()
    failed = workshop.run(*materialize, DAGSTER_HOME=str(workshop.home))
    assert failed.returncode == 1
    assert "destinations.yml" in failed.stdout + failed.stderr


_MATERIALIZE = """
import sys
from dagster import materialize
from shop import definitions

sys.exit(not materialize(list(definitions.assets), raise_on_error=False).success)
"""
