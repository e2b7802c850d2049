"""SAP Emarsys: contact lists, the contacts that can be in them, and the fields that tell contacts apart.

After SAP's reference (https://dev.emarsys.com/docs/core-api-reference) and its Postman collection (the
repository emartech/Emarsys-postman-collection). What those leave open is a knob in `EmarsysSettings`.
Calls that create, change or delete contacts are not served: they answer as paths that Emarsys lacks.
"""

from dbt_activate.sandbox.emarsys.api import Emarsys
from dbt_activate.sandbox.emarsys.contact_list import ContactList
from dbt_activate.sandbox.emarsys.settings import ApiUser, ContactField, EmarsysSettings

__all__ = ["ApiUser", "ContactField", "ContactList", "Emarsys", "EmarsysSettings"]
