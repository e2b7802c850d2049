"""The example of the documentation, carried out in a real Prefect that is installed for it."""

from __future__ import annotations

import pytest

from tests.orchestrators.workshop import Workshop, example
from tests.shop import VIPS, Shop, sha256


@pytest.fixture
def prefect(workshop: Workshop, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Prefect with the flow of the documentation; it starts a server of its own for a run."""
    workshop.install("prefect", "fastapi<0.116")  # with later ones its server does not start
    without_waiting = example("prefect", shop).replace("retry_delay_seconds=300", "retry_delay_seconds=0")
    (workshop.home / "flows.py").write_text(without_waiting)
    monkeypatch.setenv("PREFECT_HOME", str(workshop.home))
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    return workshop


def test_the_example(prefect: Workshop, shop: Shop) -> None:
    """The flow builds and syncs; where a model breaks, the rest is synced and the flow fails."""
    run = ["python", "-c", "from flows import shop; shop()"]
    done = prefect.run(*run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.audience()["email"] == sha256(VIPS)

    (shop.root / "models" / "newcomers.sql").write_text("select nonsense")
    failed = prefect.run(*run)
    assert failed.returncode == 1
    assert "held: its model failed" in failed.stdout + failed.stderr
