"""What the Purchasely sandbox remembers: audiences, archived ones, and how many requests each key made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbt_activate.destinations.purchasely import slug
from dbt_activate.sandbox.purchasely.audience import CustomAudience
from dbt_activate.sandbox.purchasely.refusals import RefusalError
from dbt_activate.sandbox.purchasely.settings import PurchaselySettings
from dbt_activate.sandbox.vendor import Vendor


class PurchaselyState(Vendor[CustomAudience, PurchaselySettings]):
    """The state, and what can be done with it behind the API's back.

    An audience is known by its ``vendor_id``, and in another app than the first by ``app_id:vendor_id``.
    """

    settings_class = PurchaselySettings
    first_number = 1001

    def reset(self) -> None:
        """Forget audiences and counts, and take back the settings of the start."""
        with self.lock:
            super().reset()
            self._archived: dict[str, CustomAudience] = {}

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
        vendor_id: str | None = None,
        identifier_type: str | None = None,
    ) -> str:
        """Make an audience behind the user's back, as if somebody else had, and return its id.

        Args:
            name: Its label.
            account: The app's id; by default the first of the settings.
            description: Purchasely has none: it is not kept.
            members: The identifiers, of one type; not checked for form.
            read_only: Purchasely knows no such audience.
            vendor_id: Its key; by default the name, as dbt-activate would make it.
            identifier_type: By default that of the members, else ``user_id``.

        Raises:
            ValueError: The app has an audience of that key.
        """
        del description, read_only
        with self.lock:
            app_id, key = account or self._first_app, vendor_id or slug(name)
            if self.find(app_id, key):
                raise ValueError(f"The app {app_id} has an audience with the vendor_id {key!r} already.")
            held = CustomAudience(
                id=self._id(app_id, key),
                account=app_id,
                name=name,
                vendor_id=key,
                number=next(self.numbers),
                identifier_type=identifier_type or next(iter(members or ()), "user_id"),
            )
            return self.keep(held, members)

    def entry(self, url: str) -> dict[str, str]:
        """Return the keys of an entry in ``destinations.yml`` that leads here."""
        return {
            "type": "purchasely",
            "base_url": url,
            "api_key": self.settings.apps[self._first_app].key.get_secret_value(),
            "app_id": self._first_app,
        }

    def find(self, app_id: str, vendor_id: str) -> CustomAudience | None:
        """Return an audience that is not archived, or None."""
        return self._held.get(self._id(app_id, vendor_id))

    def is_taken(self, app_id: str, vendor_id: str) -> bool:
        """Tell whether no new audience can have a key."""
        key = self._id(app_id, vendor_id)
        return key in self._held or (self.settings.archived_keys == "taken" and key in self._archived)

    def seen(self, app_id: str, vendor_id: str) -> CustomAudience:
        """Return an audience as a read finds it.

        Raises:
            RefusalError: There is none.
        """
        found = self.find(app_id, vendor_id)
        if found is None and self.settings.archived_reads == "shown":
            found = self._archived.get(self._id(app_id, vendor_id))
        if found is None:
            raise RefusalError(404)
        found.look()
        return found

    def active(self, app_id: str, vendor_id: str) -> CustomAudience:
        """Return an audience that can be changed.

        Raises:
            RefusalError: There is none, or it is archived.
        """
        found = self.find(app_id, vendor_id)
        if found is None:
            raise RefusalError(404)
        return found

    def archive(self, audience: CustomAudience) -> None:
        """Take an audience off the list; its members are kept."""
        self._archived[audience.id] = self._held.pop(audience.id)

    @property
    def _first_app(self) -> str:
        return next(iter(self.settings.apps))

    def _id(self, app_id: str, vendor_id: str) -> str:
        return vendor_id if app_id == self._first_app else f"{app_id}:{vendor_id}"
