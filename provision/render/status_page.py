"""One look at a cluster as one page of HTML that needs nothing but itself; nothing in it runs."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from provision.render.html import text
from provision.render.status import status_facts, verdict
from provision.render.status_hosts import COLUMNS, host_cells
from provision.render.status_wrong import error_words, wrong_words

if TYPE_CHECKING:
    from provision.operate.status import ClusterStatus

_STYLE = """\
:root { color-scheme: light dark; --line: #c9ced6; --soft: #59626e; --wrong: #8a4300; }
@media (prefers-color-scheme: dark) { :root { --line: #3f4751; --soft: #9aa4b0; --wrong: #f5b775; } }
body { margin: 0 auto; padding: 2rem; max-width: 80rem; font: 14px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin-top: 1.5rem; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th, dt { color: var(--soft); font-weight: 400; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dd { margin: 0; }
.wrong { color: var(--wrong); }
"""


def status_page(seen: ClusterStatus) -> str:
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'"
    date = datetime.fromtimestamp(seen.at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    facts = "".join(f"<dt>{text(label)}<dd>{text(said)}\n" for label, said in status_facts(seen, {}))
    head = "".join(f"<th>{text(name)}" for name in COLUMNS)
    rows = "".join(f"<tr>{''.join(f'<td>{text(cell)}' for cell in host_cells(host))}\n" for host in seen.hosts)
    problems = [f"{message}: {hint}" if hint else message for message, hint in error_words(seen)]
    wrong = "".join(f'<li class="wrong">{text(line)}\n' for line in (*problems, *wrong_words(seen)))
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{text(seen.cluster)}: {text(verdict(seen))}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{text(seen.cluster)}: {text(verdict(seen))}</h1>
<p>{date}</p>
<dl>
{facts}</dl>
<ul>
{wrong}</ul>
<table>
<thead><tr>{head}</thead>
<tbody>
{rows}</tbody>
</table>
</body>
</html>
"""
