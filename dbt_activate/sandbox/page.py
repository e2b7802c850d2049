"""The page for people at ``/``: who is in which audience, and where to look further."""

from __future__ import annotations

from html import escape

from dbt_activate.sandbox.contents import Contents
from dbt_activate.sandbox.vendor import HeldAudience

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>dbt-activate sandbox</title>
<style>
body {{ font-family: sans-serif; margin: 2rem; }}
td, th {{ padding: 0.3rem 1rem 0.3rem 0; text-align: left; vertical-align: top; }}
</style></head>
<body>
<h1>dbt-activate sandbox</h1>
<table>
<tr><th>Vendor</th><th>Account</th><th>Audience</th><th>Description</th><th>Members</th></tr>
{rows}
</table>
<p>{requests} requests recorded, {faults} faults on order.</p>
<p>As JSON: <a href="/_sandbox/audiences">audiences</a> · <a href="/_sandbox/requests">requests</a> ·
<a href="/_sandbox/faults">faults</a> · <a href="/_sandbox/settings">settings</a></p>
</body>
</html>
"""


def render_page(contents: Contents) -> str:
    """Write the page."""
    rows = [
        _row(vendor.label, f"/_sandbox/audiences/{name}/{held.id}", held)
        for name, vendor in contents.vendors.items()
        for held in vendor.audiences()
    ]
    return _PAGE.format(
        rows="\n".join(rows) or '<tr><td colspan="5">No audience yet.</td></tr>',
        requests=len(contents.traffic.exchanges()),
        faults=len(contents.faults.orders()),
    )


def _row(vendor: str, link: str, held: HeldAudience) -> str:
    counts = ", ".join(f"{count:,} {kind}" for kind, count in held.counts.items()) or "none"
    name = f'<a href="{escape(link)}">{escape(held.name)}</a>'
    cells = (escape(vendor), escape(held.account), name, escape(held.description or ""), escape(counts))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
