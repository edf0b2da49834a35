"""The checks of a gate as JUnit XML, which every CI service shows."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from whichworker.result.versus import VersusResult

ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not have (section 2.2)."""


def render(result: VersusResult) -> str:
    """One test suite with a case for each limit; an undecided one is skipped, with its reason."""
    outcomes = [check.outcome for check in result.checks]
    suite = ElementTree.Element(
        "testsuite",
        name="whichworker gate",
        tests=str(len(outcomes)),
        failures=str(outcomes.count("failed")),
        skipped=str(outcomes.count("undecided")),
        errors="0",
        time=f"{result.run.seconds:.1f}",
        timestamp=result.run.started,
    )
    for check in result.checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname="whichworker.gate", name=check.measure
        )
        text = ILLEGAL.sub("\ufffd", check.text)
        if check.outcome == "failed":
            ElementTree.SubElement(case, "failure", message=text)
        elif check.outcome == "undecided":
            ElementTree.SubElement(case, "skipped", message=text)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
