"""The destination that the page on writing one shows works."""

from __future__ import annotations

from typing import Any

from dbt_activate.delivery import Delivery, Operation
from dbt_activate.destination import AudienceSettings, Destination
from dbt_activate.throttle import Throttles
from tests.docs.pages import ROOT, read_blocks


def shown_class() -> type[Destination]:
    """Return the class that the page shows."""
    (block,) = (
        one for one in read_blocks(ROOT / "docs/destinations/writing-one.md") if one.language == "python"
    )
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(block.text, "page", "exec", dont_inherit=True), names)  # noqa: S102  (our own page)
    memory: type[Destination] = names["Memory"]
    return memory


def test_the_example_is_a_destination() -> None:
    """It is whole, its settings are read, and members enter, stay and leave as they should."""
    memory = shown_class()
    settings = memory.Settings.model_validate({"type": "memory", "targets": ["prod"], "token": "secret"})
    destination = memory(settings, Throttles())
    wanted = AudienceSettings(name="VIP")
    audience = destination.create(wanted)
    assert destination.find(wanted, None) == destination.find(wanted, audience.remote_id) == audience
    destination.push(audience, Delivery(1, Operation.ADD, "email", ("a@b.test", "c@d.test")))
    destination.push(audience, Delivery(2, Operation.REMOVE, "email", ("a@b.test",)))
    assert dict(destination._members) == {audience.remote_id: {"c@d.test"}}  # type: ignore[attr-defined]
