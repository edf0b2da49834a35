"""Findings of a comparison of two sides."""

from __future__ import annotations

from whichworker.model.findings import Code

# fmt: off
SIDES_DIFFER = Code("sides-differ", "warning", "The two versions start different setups",
    "A difference may come from the setup and not from the app.",
    "name one setup for both: --servers gthread")
RESPONSES_CHANGED = Code("responses-changed", "info", "Some responses differ between the versions",
    "Only the status and the common headers of these responses are checked, and a longer response"
    " may take longer.",
    "nothing, if the change is intended")
# fmt: on

COMPARISON = {row.name: row for row in list(vars().values()) if isinstance(row, Code)}
