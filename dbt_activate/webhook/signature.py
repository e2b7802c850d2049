"""Whether a delivery was sent by dbt Cloud: its signature.

The header ``Authorization`` is the HMAC-SHA256 of the body, in hexadecimal digits, with the webhook's secret
as the key. Source: https://docs.getdbt.com/docs/deploy/webhooks#validate-a-webhook
"""

from __future__ import annotations

import hashlib
import hmac


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Tell whether a signature is that of the body. Takes as long whatever differs."""
    return hmac.compare_digest(sign(body, secret).encode(), signature.encode())
