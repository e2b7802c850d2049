"""A shop that activates one segment into every destination that there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from dbt_activate.destinations import destination_types
from tests.shop import Shop, sha256

AUDIENCE = "VIP customers"
MODEL = "vip_customers"

ACTIVATIONS: Mapping[str, Mapping[str, Any]] = {
    "batch": {
        "mapping": {"customer_id": "email"},
        "audience": {"name": AUDIENCE, "api_name": "vip_customers"},
    },
    "criteo": {"mapping": {"email": "email"}},
    "criteo_retail_media": {"mapping": {"customer_id": "email"}},
    "emarsys": {"mapping": {"email": "email"}},
    "files": {"mapping": {"email": "email"}},
    "http": {"mapping": {"email": "email"}},
    "purchasely": {"mapping": {"user_id": "email"}},
    "selligent": {"mapping": {"MAIL": "email"}},
}
"""How the segment goes into each type of destination; a new type needs a line."""

HASHED = {"criteo"}


def entries(shop: Shop) -> dict[str, Any]:
    """Make an entry for every destination: the sandbox's vendors, and a folder."""
    ours = {vendor: shop.sandbox.entry(vendor) for vendor in shop.sandbox.vendors}
    ours["files"] = {"type": "files", "url": str(shop.root / "files"), "content": "members", "format": "csv"}
    assert set(ours) == set(destination_types()) == set(ACTIVATIONS)
    return {name: {**entry, "targets": ["prod"]} for name, entry in ours.items()}


def activate_everywhere(shop: Shop) -> None:
    """Declare every destination, and let one segment go into all of them."""
    (shop.root / "destinations.yml").write_text(yaml.safe_dump(entries(shop)))
    shop.configure("newcomers", None)
    declared = [{"destination": name, "audience": AUDIENCE, **keys} for name, keys in ACTIVATIONS.items()]
    shop.configure(MODEL, declared)


def members(shop: Shop, destination: str) -> set[str]:
    """Return who is in the audience, looking inside the tool."""
    if destination == "files":
        files = list((shop.root / "files").rglob("*.csv"))
        lines = [line for file in files for line in file.read_text().splitlines()[1:]]
        return {line.rsplit(",", 1)[-1].strip('"') for line in lines}
    vendor = shop.sandbox.vendors[destination]
    held = (vendor.members(one.id) for one in vendor.audiences())
    return {value for by_type in held for values in by_type.values() for value in values}


def as_sent(destination: str, people: Iterable[str]) -> set[str]:
    """Return people as a destination is sent them."""
    return sha256(people) if destination in HASHED else set(people)
