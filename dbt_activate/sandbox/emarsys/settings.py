"""The knobs of the Emarsys sandbox."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

PERMISSIONS = (
    "contactlist.list",
    "contactlist.create",
    "contactlist.rename",
    "contactlist.delete",
    "contactlist.contact.add",
    "contactlist.contact.delete",
    "contactlist.replace",
    "contactlist.contact.count",
    "contactlist.contact.ids",
    "contact.contactid.verify",
    "contact.getdata",
    "field.list",
    "customer.settings",
)
"""What can be ticked for an API user, as far as calls are served here."""


class ApiUser(BaseModel):
    """Who calls the API: an OpenID Connect client of v3, or a WSSE user of v2.

    Attributes:
        secret: Its secret.
        permissions: What it may do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr
    permissions: tuple[str, ...] = PERMISSIONS


class ContactField(BaseModel):
    """A field of contacts.

    Attributes:
        id: Its number.
        string_id: Its name for machines.
        name: Its name for people.
        application_type: What it holds.
        indexed: Whether contacts can be looked up by it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int
    string_id: str
    name: str
    application_type: str = "shorttext"
    indexed: bool = True


FIELDS = (
    ContactField(id=1, string_id="first_name", name="First Name"),
    ContactField(id=2, string_id="last_name", name="Last Name"),
    ContactField(id=3, string_id="email", name="E-Mail", application_type="longtext"),
    ContactField(id=15, string_id="phone", name="Phone"),
    ContactField(id=31, string_id="optin", name="Opt-In", application_type="singlechoice"),
    ContactField(id=37, string_id="mobile", name="Mobile"),
    ContactField(id=46, string_id="salutation", name="Salutation", application_type="singlechoice"),
    ContactField(id=47, string_id="email_valid", name="E-mail valid", application_type="singlechoice"),
    ContactField(id=10569, string_id="customer_number", name="Customer number"),
    ContactField(id=10570, string_id="loyalty_card", name="Loyalty card", indexed=False),
    ContactField(id=10571, string_id="hobbies", name="Hobbies", application_type="multichoice"),
)


class EmarsysSettings(BaseModel):
    """What can be set about the Emarsys sandbox. The defaults are what Emarsys documents, where it does.

    Attributes:
        clients: OpenID Connect clients of API v3, by client id.
        users: WSSE users of API v2, by name.
        token_life_seconds: How long an access token is good.
        rate_limit: Requests that an API user may make in one window; None for no limit.
        rate_window_seconds: The length of that window.
        rate_limit_as_text: Whether a request too many is refused in plain text, or as JSON with 7003.
        fields: The contact fields.
        contacts: ``everybody``: whoever is asked for is a contact. Or the contacts, each with its values
            by the string id of the field; nobody else is one then.
        unknown: Values that no contact has, whoever else is one.
        error_keys: How the errors of single contacts spell the values: ``sent``, ``lower`` or ``upper``.
        bad_key: How a wrong key field is told: with HTTP 400, with 200, or as an error of the pseudo
            contact ``<NO_KEY_ID>``.
        not_indexed: The code for a key field without an index.
        max_ids: The most values of one request.
        list_error_status: The status of errors 3001 to 3005.
        unknown_list: How a list that is not there is told: 400 with 3004, or 404 or 400 with 3006.
        names_fold_case: Whether names that differ by case only are one name.
        name_pattern: Which names of lists are taken.
        in_segments: Ids of lists that cannot be deleted, as combined segments use them.
        counts_present: Whether ``inserted_contacts`` counts those who were in already.
        contact_ids_on_v3: Whether v3 gives out the contact ids of a list, or only v2.
        contact_ids_enveloped: Whether they stand under ``data``.
        bearer_on_v2: Whether v2 takes access tokens, too.
        max_body_bytes: The largest request; a larger one answers 413.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    clients: dict[str, ApiUser] = {"sandbox": ApiUser(secret=SecretStr("sandbox-secret"))}
    users: dict[str, ApiUser] = {"sandbox001": ApiUser(secret=SecretStr("sandbox-secret"))}
    token_life_seconds: float = Field(default=3600, ge=0)
    rate_limit: int | None = Field(default=1_000, ge=1)
    rate_window_seconds: float = Field(default=60, gt=0)
    rate_limit_as_text: bool = True
    fields: tuple[ContactField, ...] = FIELDS
    contacts: Literal["everybody"] | tuple[dict[str, str], ...] = "everybody"
    unknown: frozenset[str] = frozenset()
    error_keys: Literal["sent", "lower", "upper"] = "sent"
    bad_key: Literal["400", "200", "<NO_KEY_ID>"] = "400"
    not_indexed: Literal["2004", "2015"] = "2004"
    max_ids: int = Field(default=10_000, ge=1)
    list_error_status: Literal[400, 500] = 400
    unknown_list: Literal["400 3004", "400 3006", "404 3006"] = "404 3006"
    names_fold_case: bool = True
    name_pattern: str = r"[A-Za-z0-9 _-]{1,64}"
    in_segments: tuple[str, ...] = ()
    counts_present: bool = False
    contact_ids_on_v3: bool = True
    contact_ids_enveloped: bool = False
    bearer_on_v2: bool = False
    max_body_bytes: int = Field(default=10_000_000, ge=1)
