"""SAP Emarsys in the sandbox: its proofs of identity, shapes, limits and bad habits."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.emarsys import ApiUser, Emarsys

PEOPLE = ["thor@example.com", "loki@example.com", "odin@example.com"]


class Caller:
    """Emarsys's API as plain requests."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url

    def ask_for_token(self, proof: str = "sandbox:sandbox-secret", **fields: str) -> requests.Response:
        """Ask for a token by Basic authentication."""
        form = {"grant_type": "client_credentials", **fields}
        headers = {"Authorization": f"Basic {base64.b64encode(proof.encode()).decode()}"}
        return self.session.post(f"{self.url}/oauth2/token", data=form, headers=headers)

    def sign_in(self) -> None:
        """Get a token and use it from now on."""
        token = self.ask_for_token().json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **more: Any) -> requests.Response:
        """Ask v3 for something."""
        return self.session.get(f"{self.url}/api/v3/{path}", **more)

    def post(self, path: str, body: Any = None) -> requests.Response:
        """Tell v3 something."""
        return self.session.post(f"{self.url}/api/v3/{path}", json=body)

    def change(self, verb: str, list_id: str, values: Any, key_id: Any = 3) -> requests.Response:
        """Add, delete or replace members."""
        return self.post(f"contactlist/{list_id}/{verb}", {"key_id": key_id, "external_ids": values})


def code(response: requests.Response) -> tuple[int, int]:
    """Return the status and the reply code of a failure."""
    body = response.json()
    assert body["data"] == ""
    assert body["replyText"]
    return response.status_code, body["replyCode"]


def data(response: requests.Response) -> Any:
    """Return what is in the envelope of a success."""
    assert (response.status_code, response.json()["replyCode"], response.json()["replyText"]) == (
        200,
        0,
        "OK",
    )
    return response.json()["data"]


@pytest.fixture
def vendor() -> Emarsys:
    """Emarsys, seen from inside."""
    return Emarsys()


@pytest.fixture
def running(vendor: Emarsys) -> Iterator[Sandbox]:
    """A sandbox with it."""
    with Sandbox(vendor) as sandbox:
        yield sandbox


@pytest.fixture
def caller(running: Sandbox) -> Iterator[Caller]:
    """A client with a token."""
    with requests.Session() as session:
        made = Caller(session, f"{running.url}/emarsys")
        made.sign_in()
        yield made


@pytest.fixture
def made(vendor: Emarsys) -> str:
    """The id of an empty list."""
    return vendor.add_audience("VIP customers")


def wsse(
    *,
    user: str = "sandbox001",
    secret: str = "sandbox-secret",  # noqa: S107  (the sandbox's own)
    age: float = 0,
    nonce: str | None = None,
    of_bytes: bool = False,
) -> dict[str, str]:
    """Prove who we are as SAP's own script does, or nearly."""
    nonce = nonce or secrets.token_hex(16)
    created = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha1(f"{nonce}{created}{secret}".encode())  # noqa: S324  (it is what WSSE asks for)
    proof = base64.b64encode(digest.digest() if of_bytes else digest.hexdigest().encode()).decode()
    parts = f'Username="{user}", PasswordDigest="{proof}", Created="{created}", nonce="{nonce}"'
    return {"X-WSSE": f"UsernameToken {parts}"}


def test_a_token(caller: Caller) -> None:
    """Good credentials get a bearer token that says how long it lives."""
    answer = caller.ask_for_token().json()
    assert answer.pop("access_token")
    assert answer == {"token_type": "bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    ("proof", "fields", "status", "error"),
    [
        ("sandbox:wrong", {}, 401, "invalid_client"),
        ("nobody:sandbox-secret", {}, 401, "invalid_client"),
        ("", {"client_id": "sandbox", "client_secret": "sandbox-secret"}, 401, "invalid_client"),
        ("sandbox:sandbox-secret", {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_that_is_refused(
    caller: Caller, proof: str, fields: dict[str, str], status: int, error: str
) -> None:
    """The credentials must be right, and in a Basic header."""
    answer = caller.ask_for_token(proof, **fields)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_token_ends(running: Sandbox, caller: Caller) -> None:
    """A token that is over, unknown or missing is refused in the envelope."""
    running.expire_tokens()
    assert code(caller.get("contactlist")) == (401, 1)
    caller.session.headers["Authorization"] = "Bearer nonsense"
    assert code(caller.get("contactlist")) == (401, 1)
    del caller.session.headers["Authorization"]
    assert code(caller.get("contactlist")) == (401, 1)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({}, 200),
        ({"age": 240}, 200),
        ({"age": -240}, 200),
        ({"age": 360}, 401),
        ({"age": -360}, 401),
        ({"secret": "wrong"}, 401),
        ({"user": "nobody"}, 401),
        ({"of_bytes": True}, 401),
    ],
)
def test_wsse(running: Sandbox, wrong: dict[str, Any], status: int) -> None:
    """The digest is of the hex text, the clock may be five minutes off, and order and case do not matter."""
    url = f"{running.url}/emarsys/api/v2/contactlist"
    assert requests.get(url, headers=wsse(**wrong), timeout=10).status_code == status


@pytest.mark.parametrize("proof", [{"X-WSSE": "nonsense"}, {}])
def test_no_proof_at_all(running: Sandbox, proof: dict[str, str]) -> None:
    """A header that cannot be read is as good as none."""
    url = f"{running.url}/emarsys/api/v2/contactlist"
    assert requests.get(url, headers=proof, timeout=10).status_code == 401


def test_a_nonce_is_good_once(running: Sandbox) -> None:
    """A header that was sent before is refused."""
    proof = wsse()
    url = f"{running.url}/emarsys/api/v2/contactlist"
    assert [requests.get(url, headers=proof, timeout=10).status_code for _ in range(2)] == [200, 401]


def test_each_version_has_its_own_proof(vendor: Emarsys, running: Sandbox, caller: Caller) -> None:
    """v3 takes no WSSE, and v2 no access tokens unless told to."""
    v2 = f"{caller.url}/api/v2/contactlist"
    url = f"{running.url}/emarsys/api/v3/contactlist"
    assert requests.get(url, headers=wsse(), timeout=10).status_code == 401
    assert caller.session.get(v2).status_code == 401
    vendor.configure(bearer_on_v2=True)
    assert caller.session.get(v2).status_code == 200


def test_a_permission_that_is_not_ticked(vendor: Emarsys, caller: Caller, made: str) -> None:
    """Each call has its own; another is a 403."""
    secret = vendor.settings.clients["sandbox"].secret
    vendor.configure(clients={"sandbox": ApiUser(secret=secret, permissions=("contactlist.list",))})
    assert caller.get("contactlist").status_code == 200
    assert caller.change("add", made, PEOPLE).status_code == 403
    assert caller.get("settings").status_code == 403


def test_what_there_is_not(running: Sandbox, caller: Caller, made: str) -> None:
    """Other paths and methods are invalid actions, those that create or delete contacts among them."""
    assert code(caller.get("contactlist/330")) == (400, 1)
    assert code(caller.post("contact/delete", {"key_id": 3})) == (400, 1)
    url = f"{caller.url}/api/v3/contactlist/{made}/deletelist"
    assert caller.session.delete(url).status_code == 400
    assert caller.get("contactlist/vips/count").json()["replyCode"] == 1
    assert requests.get(f"{running.url}/emarsys/healthcheck", timeout=10).status_code == 200
    assert requests.get(f"{running.url}/emarsys/api/v4/contactlist", timeout=10).status_code == 404


def test_a_list_in_all_its_shapes(caller: Caller) -> None:
    """Its id is a number where it is made and text where it is listed; the description is never shown."""
    assert data(caller.get("contactlist")) == []
    wanted = {"key_id": "3", "name": "VIP customers", "description": "Spenders"}
    number = data(caller.post("contactlist", wanted))["id"]
    assert isinstance(number, int)
    (shown,) = data(caller.get("contactlist"))
    assert shown.pop("created")
    assert shown == {"id": str(number), "name": "VIP customers", "type": 0}
    renamed = data(caller.post(f"contactlist/{number}/rename", {"name": "VIPs"}))
    assert renamed == {"id": number, "name": "VIPs"}
    assert data(caller.get(f"contactlist/{number}/count")) == 0
    assert data(caller.post(f"contactlist/{number}/deletelist")) == ""
    assert code(caller.post(f"contactlist/{number}/deletelist")) == (404, 3006)


def test_a_list_made_with_members(vendor: Emarsys, caller: Caller) -> None:
    """Where members are given the answer has errors, which is an empty list if there are none."""
    assert data(caller.post("contactlist", {"name": "A", "external_ids": PEOPLE}))["errors"] == []
    vendor.configure(contacts=[])
    answer = data(caller.post("contactlist", {"name": "B", "external_ids": PEOPLE[:1]}))
    assert answer["errors"] == {"thor@example.com": {"2008": "No contact found with the external id: 3"}}


@pytest.mark.parametrize("status", [400, 500])
def test_names(vendor: Emarsys, caller: Caller, made: str, status: int) -> None:
    """A name must be there, be made of some characters, and be unique in any case."""
    vendor.configure(list_error_status=status)
    for name, number in (("", 3001), (None, 3001), ("a/b", 3004), ("x" * 65, 3004), ("vip CUSTOMERS", 3005)):
        assert code(caller.post("contactlist", {"name": name})) == (status, number)
    other = vendor.add_audience("Lapsed")
    assert code(caller.post(f"contactlist/{other}/rename", {"name": "vip customers"})) == (status, 3005)
    vendor.configure(names_fold_case=False)
    assert data(caller.post("contactlist", {"name": "vip customers"}))


def test_a_list_in_a_segment(vendor: Emarsys, caller: Caller, made: str) -> None:
    """It cannot be deleted."""
    vendor.configure(in_segments=[made])
    assert code(caller.post(f"contactlist/{made}/deletelist")) == (400, 3008)


@pytest.mark.parametrize(("told", "answer"), [("400 3004", (400, 3004)), ("400 3006", (400, 3006))])
def test_a_list_that_is_not_there(
    vendor: Emarsys, caller: Caller, told: str, answer: tuple[int, int]
) -> None:
    """It is told in one of the ways that have been seen."""
    vendor.configure(unknown_list=told)
    assert code(caller.change("add", "1", PEOPLE)) == answer


def test_members_go_in_and_out(vendor: Emarsys, caller: Caller, made: str) -> None:
    """Doing it twice is harmless, and does not count; an empty map of errors is a list."""
    for inserted in (3, 0):
        assert data(caller.change("add", made, PEOPLE)) == {"inserted_contacts": inserted, "errors": []}
    vendor.configure(counts_present=True)
    assert data(caller.change("add", made, PEOPLE))["inserted_contacts"] == 3
    for deleted in (1, 0):
        assert data(caller.change("delete", made, PEOPLE[:1])) == {"deleted_contacts": deleted, "errors": []}
    assert data(caller.get(f"contactlist/{made}/count")) == 2
    data(caller.change("replace", made, PEOPLE[:2]))
    assert vendor.members(made) == {"email": set(PEOPLE[:2])}


@pytest.mark.parametrize("spelling", ["sent", "lower", "upper"])
def test_errors_of_single_contacts(vendor: Emarsys, caller: Caller, made: str, spelling: str) -> None:
    """Nobody, several and an empty value have codes of their own, and stop no other."""
    vendor.configure(
        contacts=[{"email": "thor@example.com"}, {"email": "twin@x.co"}, {"email": "Twin@x.co"}],
        error_keys=spelling,
    )
    answer = data(caller.change("add", made, ["Thor@example.com", "Twin@x.co", "Ghost@x.co", ""]))
    spelt = {"sent": str, "lower": str.lower, "upper": str.upper}[spelling]
    assert {key: list(found) for key, found in answer["errors"].items()} == {
        spelt("Twin@x.co"): ["2010"],
        spelt("Ghost@x.co"): ["2008"],
        "": ["2005"],
    }
    assert vendor.members(made) == {"email": {"Thor@example.com"}}


def test_an_error_map_whose_keys_count_up(vendor: Emarsys, caller: Caller, made: str) -> None:
    """PHP writes it as a list."""
    vendor.configure(contacts=[])
    errors = data(caller.change("add", made, ["0", "1"], key_id=10569))["errors"]
    assert errors == [{"2008": "No contact found with the external id: 10569"}] * 2


@pytest.mark.parametrize("verb", ["add", "delete", "replace"])
def test_a_request_that_is_wrong(vendor: Emarsys, caller: Caller, made: str, verb: str) -> None:
    """Too many ids, ids that are no array or none, a body that is no JSON, or one that is too large."""
    vendor.put_members(made, "email", PEOPLE)
    vendor.configure(max_ids=2)
    assert code(caller.change(verb, made, PEOPLE)) == (400, 3002)
    assert code(caller.change(verb, made, "thor@example.com")) == (400, 3003)
    assert code(caller.change(verb, made, [])) == (400, 3003)
    url = f"{caller.url}/api/v3/contactlist/{made}/{verb}"
    assert code(caller.session.post(url, data="x")) == (400, 1001)
    vendor.configure(max_body_bytes=10)
    assert caller.change(verb, made, PEOPLE).status_code == 413
    assert vendor.members(made) == {"email": set(PEOPLE)}


@pytest.mark.parametrize("key_id", [3, "3", "email"])
def test_a_key_field_by_number_or_name(vendor: Emarsys, caller: Caller, made: str, key_id: Any) -> None:
    """All are the same field."""
    data(caller.change("add", made, PEOPLE, key_id))
    assert vendor.members(made) == {"email": set(PEOPLE)}


def test_a_key_field_that_is_none(vendor: Emarsys, caller: Caller, made: str) -> None:
    """Unknown or without an index, it is told in one of three ways."""
    assert code(caller.change("add", made, PEOPLE, 4711)) == (400, 2004)
    assert code(caller.change("add", made, PEOPLE, "loyalty_card")) == (400, 2004)
    vendor.configure(bad_key="200", not_indexed="2015")
    assert code(caller.change("add", made, PEOPLE, "loyalty_card")) == (200, 2015)
    vendor.configure(bad_key="<NO_KEY_ID>")
    assert list(data(caller.change("add", made, PEOPLE, 4711))["errors"]) == ["<NO_KEY_ID>"]


def test_a_contact_is_one_by_whichever_field(vendor: Emarsys, caller: Caller, made: str) -> None:
    """Who came in by one field leaves by another, and is in a list once."""
    contact = vendor.add_contact({"email": "thor@example.com", "customer_number": "C1"})
    data(caller.change("add", made, ["thor@example.com"]))
    assert data(caller.change("add", made, ["C1"], 10569))["inserted_contacts"] == 0
    assert vendor.members(made) == {"email": {"thor@example.com"}}
    data(caller.change("delete", made, [str(contact)], "id"))
    assert vendor.members(made) == {}


def test_known_contacts_can_be_set(vendor: Emarsys, caller: Caller, made: str) -> None:
    """Who is no contact any more has left all lists, and everybody can be one again."""
    data(caller.change("add", made, PEOPLE))
    vendor.configure(contacts=[{"email": PEOPLE[0]}])
    assert vendor.members(made) == {"email": {PEOPLE[0]}}
    assert data(caller.get(f"contactlist/{made}/count")) == 1
    vendor.add_contacts("email", PEOPLE[1:2])
    assert list(data(caller.change("add", made, PEOPLE))["errors"]) == [PEOPLE[2]]
    vendor.configure(contacts="everybody")
    assert data(caller.change("add", made, PEOPLE))["errors"] == []
    vendor.configure(unknown=["ghost@example.com"])
    assert list(data(caller.change("add", made, ["ghost@example.com", "a@b.co"]))["errors"]) == [
        "ghost@example.com"
    ]


@pytest.mark.parametrize("enveloped", [True, False])
def test_contact_ids(vendor: Emarsys, caller: Caller, made: str, enveloped: bool) -> None:
    """They are numbers, page by page, with or without an envelope; the next page is a path, or null."""
    vendor.configure(contact_ids_enveloped=enveloped)
    data(caller.change("add", made, PEOPLE))
    first = caller.get(f"contactlist/{made}/contactIds?$top=2").json()
    page = first["data"] if enveloped else first
    assert page["next"] == f"/contactlist/{made}/contactIds?$skiptoken=2&$top=2"
    second = caller.get(page["next"].lstrip("/")).json()
    rest = second["data"] if enveloped else second
    assert rest["next"] is None
    assert all(isinstance(one, int) for one in page["value"] + rest["value"])
    assert len(set(page["value"] + rest["value"])) == 3
    for query in ("$top=0", "$top=100001", "$skiptoken=x"):
        assert code(caller.get(f"contactlist/{made}/contactIds?{query}")) == (400, 1001)


def test_contact_ids_that_only_v2_has(vendor: Emarsys, running: Sandbox, caller: Caller, made: str) -> None:
    """v3 then has no such path."""
    vendor.configure(contact_ids_on_v3=False)
    assert caller.get(f"contactlist/{made}/contactIds").status_code == 404
    url = f"{running.url}/emarsys/api/v2/contactlist/{made}/contactIds"
    assert requests.get(url, headers=wsse(), timeout=10).json() == {"value": [], "next": None}


def test_data_of_contacts(vendor: Emarsys, caller: Caller) -> None:
    """Rows have both ids as text and the fields asked for; nobody is false; more than 1,000 are refused."""
    contact = vendor.add_contact({"email": "thor@example.com"})
    body = {"keyId": "id", "keyValues": [str(contact), "1"], "fields": ["3", 10569]}
    answer = data(caller.post("contact/getdata", body))
    (row,) = answer["result"]
    assert row.pop("uid")
    assert row == {"id": str(contact), "3": "thor@example.com", "10569": None}
    assert [error["errorCode"] for error in answer["errors"]] == [2008]
    assert data(caller.post("contact/getdata", {"keyId": "id", "keyValues": ["1"]}))["result"] is False
    many = {"keyId": "id", "keyValues": list(range(1_001)), "fields": ["3"]}
    assert code(caller.post("contact/getdata", many)) == (400, 1000)


def test_ids_of_contacts(vendor: Emarsys, caller: Caller) -> None:
    """One id each as text, errors beside; all ids where several are asked for; at most 1,000 values."""
    twins = [
        {"email": "thor@example.com"},
        {"email": "twin@example.com"},
        {"email": "twin@example.com"},
    ]
    vendor.configure(contacts=twins)
    body = {"key_id": "3", "external_ids": ["thor@example.com", "twin@example.com", "ghost@example.com"]}
    answer = data(caller.post("contact/checkids", body))
    assert list(answer["ids"]) == ["thor@example.com"]
    assert answer["ids"]["thor@example.com"].isdigit()
    errors = {key: list(found) for key, found in answer["errors"].items()}
    assert errors == {"twin@example.com": ["2010"], "ghost@example.com": ["2008"]}
    several = data(caller.post("contact/checkids", body | {"get_multiple_ids": True}))
    assert len(several["ids"]["twin@example.com"]) == 2
    many = {"external_ids": [str(n) for n in range(1_001)]}
    assert code(caller.post("contact/checkids", many)) == (400, 2002)


@pytest.mark.parametrize("path", ["field", "field/translate/en"])
def test_fields(caller: Caller, path: str) -> None:
    """Those that every account has, and some of one's own."""
    found = {field["string_id"]: field for field in data(caller.get(path))}
    expected = {"id": 3, "name": "E-Mail", "application_type": "longtext", "string_id": "email"}
    assert found["email"] == expected
    assert found["customer_number"]["id"] == 10569


def test_the_account(caller: Caller) -> None:
    """Other clients check credentials by it."""
    assert data(caller.get("settings"))["id"] > 0


@pytest.mark.parametrize("as_text", [True, False])
def test_rate_limit(vendor: Emarsys, caller: Caller, as_text: bool) -> None:
    """The request beyond the limit is a 429 in plain text or JSON; every answer says what is left."""
    vendor.configure(rate_limit=2, rate_limit_as_text=as_text)
    answers = [caller.get("contactlist") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-Ratelimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"2"}
    assert time.time() < int(answers[0].headers["X-RateLimit-Reset"]) <= time.time() + 61
    assert "Retry-After" not in answers[2].headers
    if as_text:
        assert answers[2].text == "Too Many Requests"
    else:
        assert code(answers[2]) == (429, 7003)


def test_failures_on_order(running: Sandbox, caller: Caller) -> None:
    """They have Emarsys's own shape, also inside a 200, and its rate limit headers where asked for."""
    answers = []
    for status in (200, 401, 403, 413, 429, 502):
        running.faults.add(Fault(effect="error", status=status, reset_after_seconds=5))
        answers.append(caller.get("contactlist"))
    assert [answer.status_code for answer in answers] == [200, 401, 403, 413, 429, 502]
    assert code(answers[0]) == (200, 2011)
    assert code(answers[1]) == (401, 1)
    assert all(answer.headers["X-Ratelimit-Remaining"] == "0" for answer in answers)
    running.faults.add(Fault(effect="error", operation="token", status=401))
    assert caller.ask_for_token().json()["error"] == "invalid_client"


def test_what_requests_are_called(running: Sandbox, caller: Caller, made: str) -> None:
    """Faults and records go by short names, with the number of contacts."""
    caller.change("add", made, PEOPLE)
    caller.change("delete", made, PEOPLE[:1])
    caller.post(f"contactlist/{made}/add", ["nonsense"])
    caller.get(f"contactlist/{made}/contactIds")
    caller.get("nowhere")
    caller.post(f"contactlist/{made}/deletelist")
    deeds = [(exchange.operation, exchange.count) for exchange in running.traffic.exchanges()]
    assert deeds == [
        ("token", 0),
        ("add", 3),
        ("remove", 1),
        ("add", 0),
        ("read", 0),
        ("", 0),
        ("delete", 0),
    ]


def test_reset_and_wrong_knobs(vendor: Emarsys, caller: Caller, made: str) -> None:
    """A reset forgets lists, contacts and tokens; a knob that does not exist is an error."""
    vendor.configure(contacts=[{"email": PEOPLE[0]}])
    vendor.reset()
    assert (vendor.audiences(), vendor.settings.contacts) == ([], "everybody")
    assert code(caller.get("contactlist")) == (401, 1)
    with pytest.raises(ValidationError):
        vendor.configure(contcats=[])
