"""`whichworker preflight`: the table, the evidence, the JSON and the exit codes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console
from tests.conftest import discovered, faulty_question

from whichworker.cli import preflight as command
from whichworker.cli.main import cli
from whichworker.conformance import preflight
from whichworker.conformance.cases import CASES, Outcome
from whichworker.conformance.preflight import ArmReport, ArmState
from whichworker.model import Failure
from whichworker.question.stages import Discovered

WRONG = Outcome(case="head", state="failed", kind="framing", evidence="3 bytes of a body")
TOLD = Outcome(case="stop", state="failed", kind="reset", note="drops", evidence="closed")
NEVER = Outcome(case="keep-alive", state="not applicable")


def arm_report(
    name: str, state: ArmState, *outcomes: Outcome, failures: tuple[Failure, ...] = ()
) -> ArmReport:
    return ArmReport(
        name=name,
        server=name,
        kind="threads",
        version="1.0",
        python="3.12.1",
        interface="wsgi",
        settings={},
        state=state,
        failures=failures,
        outcomes=outcomes,
    )


Arms = Callable[..., None]


@pytest.fixture
def arms(monkeypatch: pytest.MonkeyPatch) -> Arms:
    """Sets what an examination finds, so that nothing is started."""

    def put(*found: ArmReport) -> None:
        question = faulty_question([(arm.name, "") for arm in found])

        def of_the_arms(*_: object) -> Discovered:
            return discovered(question)

        def inspect(*_: object) -> Iterator[ArmReport]:
            return iter(found)

        monkeypatch.setattr(command, "discover_for_preflight", of_the_arms)
        monkeypatch.setattr(preflight, "inspect", inspect)

    return put


def test_names_are_written_downwards() -> None:
    assert command.upright(["ab", "c"]) == ["a", "b c"]
    assert command.upright([]) == []


def test_every_case_has_its_mark_and_its_evidence(arms: Arms, tmp_path: Path) -> None:
    refused = arm_report(
        "uvicorn", "refused", failures=(Failure(kind="refused", count=1, sample="it speaks asgi"),)
    )
    arms(arm_report("waitress", "failed", Outcome(case="answers"), WRONG, NEVER, TOLD), refused)
    done = CliRunner().invoke(cli, ["preflight", "mine", "--json", str(tmp_path / "out.json")])
    assert "waitress 1.0  ✓ ! – !" in done.output
    assert "uvicorn 1.0   – – – –" in done.output
    assert "3 bytes of a body" in done.output
    assert "it speaks asgi" in done.output
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["kind"] == "preflight"
    assert [arm["state"] for arm in written["arms"]] == ["failed", "refused"]
    assert [case["name"] for case in written["cases"]] == ["answers", "head", "keep-alive", "stop"]


@pytest.mark.parametrize(
    ("states", "passed"),
    [
        (["passed"], True),
        (["passed", "refused"], True),
        (["passed", "failed"], False),
        (["refused"], False),
        ([], False),
    ],
)
def test_a_preflight_passes_where_an_arm_was_asked_and_none_failed(
    states: list[ArmState], passed: bool
) -> None:
    found = tuple(arm_report(f"arm{number}", state) for number, state in enumerate(states))
    assert preflight.Report(app={}, workload="json", cases=(), arms=found).passed is passed


def test_the_exit_code_is_one_where_an_arm_is_kept_out(arms: Arms) -> None:
    arms(arm_report("waitress", "failed", WRONG))
    assert CliRunner().invoke(cli, ["preflight", "mine"], standalone_mode=False).return_value == 1
    arms(arm_report("waitress", "passed", TOLD))
    assert CliRunner().invoke(cli, ["preflight", "mine"], standalone_mode=False).return_value == 0


def test_json_on_standard_output_is_nothing_but_json(arms: Arms) -> None:
    arms(arm_report("waitress", "passed", Outcome(case="answers")))
    done = CliRunner().invoke(cli, ["preflight", "mine", "--json", "-"])
    assert json.loads(done.stdout)["arms"][0]["name"] == "waitress"


def test_the_plan_names_arms_and_cases() -> None:
    done = CliRunner().invoke(
        cli, ["preflight", "builtin:django", "--servers", "waitress", "--dry-run"]
    )
    assert done.exit_code == 0, done.output
    assert "waitress" in done.output
    assert all(case.title in " ".join(done.output.split()) for case in CASES)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--servers", "waitres"],
        ["--json", "/nowhere/out.json"],
        ["--workload", "jsn"],
        ["/nowhere"],
    ],
)
def test_usage_errors(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli, ["preflight", *arguments])
    assert done.exception is not None
    assert done.exit_code


def test_a_long_table_is_not_cut(arms: Arms) -> None:
    found = [
        arm_report(
            "gunicorn-uvicorn-uvloop", "passed", *(Outcome(case=case.name) for case in CASES)
        )
    ]
    titles = tuple(
        preflight.CaseTitle(case.name, case.title, case.right, case.gate) for case in CASES
    )
    out = io.StringIO()
    report = preflight.Report(app={"3.12": "x"}, workload="json", cases=titles, arms=tuple(found))
    command.print_report(Console(file=out, width=100), report)
    assert " ".join(["✓"] * len(CASES)) in out.getvalue()
