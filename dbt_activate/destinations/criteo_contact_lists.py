"""What the contact lists of Criteo's products have in common, be they of an ad account or of a retailer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_activate.destination import Destination, Wanted
from dbt_activate.http.client import warm_up
from dbt_activate.identifiers import Form

if TYPE_CHECKING:
    from dbt_activate.delivery import Audience
    from dbt_activate.destinations.criteo_api import CriteoApi
    from dbt_activate.destinations.criteo_segments import Segments


class ContactLists(Destination):
    """Contact lists of one owner. Their members cannot be read back, only counted."""

    # Criteo matches by SHA-256 and gives up its older MD5 forms: https://help.criteo.com, "SHA256 and MD5".
    default_form = Form.SHA256
    delivery_size = 50_000  # what other clients send to Marketing Solutions at most; too much is halved
    concurrency = 16  # fills 250 requests a minute if each takes 4 seconds
    counts_members = True
    count_note = "hours late"
    clears = True
    deletes = True

    _api: CriteoApi
    _segments: Segments

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Rename or describe a contact list; what is right already is not sent."""
        return self._segments.update(audience, wanted)

    def delete(self, audience: Audience) -> None:
        """Delete a contact list; one that is gone is fine."""
        self._segments.delete(audience)

    def size(self, audience: Audience) -> int | None:
        """Return how many identifiers Criteo counts, hours late; None where it does not say."""
        return self._segments.size(audience)

    def match_rate(self, audience: Audience) -> float | None:
        """Return the share of identifiers that Criteo matches, hours late; None where it does not say."""
        return self._segments.match_rate(audience)

    def close(self) -> None:
        """Close all connections."""
        self._api.close()
