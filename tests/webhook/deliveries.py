"""What dbt Cloud delivers, as its documentation shows it, signed."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from dbt_activate.webhook.signature import sign
from tests.dbt_cloud.server import ACCOUNT, WORDS

SECRET, JOB = "a-made-up-secret", 123


def payload(run_id: int, *, minute: int = 0, status: int = 10, **changes: Any) -> dict[str, Any]:
    """Describe a run that has ended."""
    return {
        "accountId": changes.pop("account", ACCOUNT),
        "eventId": "wev_2L6ZDoilyiWzKkSA59Gmc2d7FDD",
        "timestamp": "2026-01-31T19:59:35.789265936Z",
        "eventType": changes.pop("event", "job.run.completed"),
        "webhookName": "test",
        "data": {
            "jobId": str(changes.pop("job", JOB)),
            "jobName": "Daily Job (dbt build)",
            "runId": str(run_id),
            "environmentId": "1234",
            "environmentName": "Production",
            "dbtVersion": "1.10.0",
            "projectName": "shop",
            "runReason": "",
            "runStartedAt": "2026-01-31T19:00:00Z",
            "runFinishedAt": f"2026-01-31T19:{minute:02}:32Z",
            "runStatus": {20: "Errored"}.get(status, WORDS[status]),
            "runStatusMessage": "None",
            **changes,
        },
    }


def deliver(url: str, content: Any, *, signature: str | None = None, **headers: str) -> tuple[int, str]:
    """Deliver a payload, or bytes as they are; return the status and what is said."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    signed = {"Authorization": sign(body, SECRET) if signature is None else signature, **headers}
    return request(url, "POST", "/", body, signed)


def request(
    url: str,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Ask for something; return the status and what is said."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content)["result"] if content else ""
    finally:
        connection.close()
