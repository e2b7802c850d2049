"""Pushing additions to a tool that answers in 50 ms, against one request at a time."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import compare, verdict
from benchmarks.shop import sandbox

MEMBERS = 200_000
SIZE = 1_000
RUNS = 3

_COMMON = f"""
import sys
url = sys.argv[1]
members = ["%064x" % number for number in range({MEMBERS})]
chunks = [members[start:start + {SIZE}] for start in range(0, len(members), {SIZE})]
"""

OURS = (
    _COMMON
    + """
import polars as pl
from dbt_activate.delivery import Operation
from dbt_activate.destination import AudienceSettings
from dbt_activate.destinations.criteo import Criteo
from dbt_activate.sync.plan import PlannedDelivery
from dbt_activate.sync.push import Pusher
from dbt_activate.throttle import Throttles

settings = Criteo.Settings(type="criteo", targets=("dev",), advertiser_id="73550", base_url=url,
                           client_id="sandbox", client_secret="sandbox-secret", requests_per_minute=None)
criteo = Criteo(settings, Throttles())
wanted = AudienceSettings(name="bench")
audience = criteo.find(wanted, None) or criteo.create(wanted)
accepted = []
pusher = Pusher(send=lambda parcel: [criteo.push(audience, one) for one in parcel],
                concurrency=criteo.concurrency,
                answered=lambda delivery, answer: accepted.append(answer), tick=lambda: None)
pusher.push((PlannedDelivery(number, Operation.ADD, "email:sha256", pl.Series(chunk)),)
            for number, chunk in enumerate(chunks, 1))
assert pusher.stopped_by is None and len(accepted) == len(chunks)
"""
)

ONE_AT_A_TIME = (
    _COMMON
    + """
import requests
form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
token = requests.post(url + "/oauth2/token", data=form).json()["access_token"]
headers = {"Authorization": "Bearer " + token}
segments = url + "/2026-07/marketing-solutions/audience-segments"
facts = {"advertiserId": "73550", "name": "plain", "contactList": {}}
item = {"type": "AudienceSegment", "attributes": facts}
made = requests.post(segments + "/create", headers=headers, json={"data": [item]}).json()["data"]
if not made:
    raise SystemExit("no list")
for chunk in chunks:
    facts = {"operation": "add", "identifierType": "email", "identifiers": chunk}
    body = {"data": {"type": "ContactlistAmendment", "attributes": facts}}
    answer = requests.patch(segments + "/" + made[0]["id"] + "/contact-list", headers=headers, json=body)
    assert answer.json()["data"]["attributes"]["nbValidIdentifiers"] == len(chunk)
item = {"id": made[0]["id"], "type": "AudienceSegment"}
requests.post(segments + "/delete", headers=headers, json={"data": [item]})
"""
)


def run() -> bool:
    """Compare whole processes: same members, same deliveries, same tool."""
    with tempfile.TemporaryDirectory() as folder, sandbox(latency_seconds=0.05) as url:
        result = compare(
            [sys.executable, "-c", OURS, url],
            [sys.executable, "-c", ONE_AT_A_TIME, url],
            runs=RUNS,
            cwd=Path(folder),
        )
    print("\n".join(result.lines()))
    name = f"one request at a time, new connections / ours, {MEMBERS:,} additions by {SIZE:,}"
    return verdict(name, 1 / result.ratio, 5.0, at_least=True)
