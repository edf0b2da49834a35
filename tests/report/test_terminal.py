"""The leaderboard in a terminal: golden, readable without colour, honest about gaps."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace
from rich.console import Console

from whichworker.judge import headline as headlines
from whichworker.model import (
    App,
    Arm,
    Budget,
    Failure,
    Finding,
    Question,
    Request,
    Subject,
    Terms,
    Workload,
    codes,
)
from whichworker.report import standings, terminal
from whichworker.report.pages import finding_kinds, race_page
from whichworker.report.waiting import arrivals, print_waits
from whichworker.result import RaceVerdict, Ratio, Result, Validity, decode, encode, seconds_to_add
from whichworker.units import show_rate

from . import samples

GOLDEN = Path(__file__).parent / "golden" / "terminal.txt"
SAMPLES = (
    samples.race,
    samples.clear,
    samples.tied,
    samples.old,
    samples.invalid,
    samples.interrupted,
    samples.single,
    samples.unanswered,
    samples.sparse,
    samples.hostile,
    samples.sought,
    samples.waited,
    samples.visited,
)
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)


def console_of(width: int, *, colour: bool = False) -> Console:
    system: Literal["truecolor"] | None = "truecolor" if colour else None
    return Console(
        file=io.StringIO(),
        width=width,
        color_system=system,
        force_terminal=colour,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def printed(result: Result, width: int = 120, *, colour: bool = False) -> str:
    console = console_of(width, colour=colour)
    terminal.print_result(console, result)
    return shown(console)


def test_the_leaderboards_are_the_golden_ones() -> None:
    """To regenerate after a wanted change, and then read the diff:

    WHICHWORKER_UPDATE_GOLDEN=1 python -m pytest tests/report/test_terminal.py
    """
    tame = [sample for sample in SAMPLES if sample is not samples.hostile]
    text = "".join(f"=== {sample.__name__} ===\n{printed(sample())}\n" for sample in tame)
    if os.environ.get("WHICHWORKER_UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_ranked_arm_has_a_row_and_the_others_a_reason() -> None:
    text = printed(samples.race())
    for arm in samples.race().arms:
        lines = [line for line in text.splitlines() if arm.name in line]
        assert lines
        if arm.state in ("failed", "refused", "invalid"):
            word = {"invalid": "not ranked", "refused": "cannot run"}.get(arm.state, arm.state)
            assert any(line.startswith(f"x {arm.name} {word}: ") for line in lines)


def test_an_invalid_run_shows_no_number_and_no_advice() -> None:
    text = printed(samples.invalid())
    assert text.strip().startswith("INVALID")
    assert all(reason in text for reason in samples.invalid().validity.reasons)
    assert "requests/s" not in text
    assert "deploy" not in text
    assert not any(
        one.name in text.partition("\nx ")[0]
        for one in samples.CONTENDERS
        if one.name not in samples.invalid().validity.reasons[0]
    )


def test_a_run_without_a_number_has_the_reason_and_the_cure_of_each_setup() -> None:
    failure = Failure(kind="worker", count=1, sample="worker 3 died", hint="mend the worker")
    whole = samples.race()
    lost = replace(
        whole,
        arms=tuple(replace(arm, state="failed", failures=(failure,)) for arm in whole.arms),
        validity=Validity(state="invalid", reasons=("no server setup could be measured",)),
        verdict=RaceVerdict(
            state="invalid", headline="No verdict: no server setup could be measured"
        ),
    )
    text = printed(lost)
    assert text.strip().startswith("No verdict: no server setup could be measured")
    assert "do not use" not in text
    assert text.count("hint: mend the worker") == len(lost.arms)


def test_an_interrupted_run_says_so() -> None:
    assert "Interrupted: " in printed(samples.interrupted())
    assert "Interrupted" not in printed(samples.race())


@pytest.mark.parametrize(
    ("sample", "strength", "colour"),
    [
        (samples.clear, "Clear winner: ", "32"),
        (samples.tied, "Tied: ", "36"),
        (samples.race, "Not decided ", "33"),
        (samples.unanswered, "No verdict: ", "31"),
    ],
)
def test_the_verdict_comes_first_with_its_strength(
    sample: Callable[[], Result], strength: str, colour: str
) -> None:
    result = sample()
    first = printed(result).strip().splitlines()[0]
    assert first.startswith(strength)
    assert result.verdict is None or first == result.verdict.headline
    assert f"\x1b[1;{colour}m{strength}" in printed(result, colour=True)


@pytest.mark.parametrize("sample", [samples.clear, samples.tied, samples.race])
def test_what_to_do_stands_between_the_verdict_and_the_table(sample: Callable[[], Result]) -> None:
    result = sample()
    assert result.verdict is not None and result.advice is not None
    text = printed(result)
    places = [
        text.index(part)
        for part in (result.verdict.headline, "deploy ", result.advice.command[-1], "vs leader")
    ]
    assert places == sorted(places)


def test_tied_setups_are_shown_with_what_each_costs() -> None:
    lines = printed(samples.tied()).splitlines()
    assert "    granian-wsgi      312 µs of CPU per request, 61.3 MB of memory" in lines
    assert "    gunicorn-gthread  297 µs of CPU per request, 54.9 MB of memory" in lines
    assert "    gunicorn-gevent   318 µs of CPU per request, 82.1 MB of memory" in lines
    assert "of CPU per request" not in printed(samples.race()) + printed(samples.clear())


def test_a_tied_setup_whose_costs_are_unknown_is_not_free() -> None:
    whole = samples.tied()
    first = replace(whole.arms[0], cpu_seconds_per_request=None, memory_bytes=None)
    text = printed(replace(whole, arms=(first, *whole.arms[1:])))
    assert "granian-wsgi      CPU not measured, memory not measured" in text


RESUME = "to decide  whichworker race builtin:django --resume 2025-03-04T12-30-05-7f3a --time"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(38.0, "60s"), (5.0, "60s"), (61.0, "90s"), (200.0, "270s")]
)
def test_an_undecided_race_says_how_to_go_on(seconds: float, shown: str) -> None:
    whole = samples.race()
    assert whole.verdict is not None
    for width in (120, 40):
        text = printed(
            replace(whole, verdict=replace(whole.verdict, seconds_to_decide=seconds)), width
        )
        assert f"{RESUME} {shown}\n" in text


def test_the_headline_and_the_command_name_the_same_time() -> None:
    for seconds in (5.0, 38.0, 61.0, 200.0):
        text = headlines._undecided("a", ["b"], seconds, headlines.LEAST_ROUNDS)
        assert f": {seconds_to_add(seconds)} s more would probably decide" in text
    whole = samples.race()
    assert whole.verdict is not None and whole.verdict.seconds_to_decide is not None
    added = seconds_to_add(whole.verdict.seconds_to_decide)
    assert f"{added} s more" in whole.verdict.headline
    assert standings.resume_command(whole).endswith(f"--time {added}s")


def test_no_command_is_named_that_would_not_help() -> None:
    whole = samples.race()
    assert whole.verdict is not None
    text = printed(replace(whole, verdict=replace(whole.verdict, seconds_to_decide=None)))
    assert "--resume" not in text
    assert "to decide  take the cheaper, or start a new run with a larger --delta" in text
    for decided_by_time in (None, 40.0):
        late = replace(whole.verdict, leader=None, seconds_to_decide=decided_by_time)
        shown = printed(replace(whole, verdict=late))
        assert ("--resume" in shown) is ("to decide" in shown) is (decided_by_time is not None)
    for sample in (
        samples.clear,
        samples.tied,
        samples.old,
        samples.interrupted,
        samples.unanswered,
    ):
        assert "to decide" not in printed(sample()), sample.__name__


def test_a_run_with_a_secret_is_repeated_with_all_of_its_time() -> None:
    whole = samples.race()
    assert whole.verdict is not None and whole.verdict.seconds_to_decide is not None
    secret = replace(whole, question=replace(whole.question, resumable=False))
    seconds = whole.question.time_seconds + seconds_to_add(whole.verdict.seconds_to_decide)
    for text in (printed(secret), race_page.render(secret)):
        assert f"start a new run with --time {seconds:.0f}s" in text
        assert "--resume" not in text
    assert "Continue the interrupted run" in race_page.render(samples.interrupted())
    stopped = replace(samples.interrupted(), question=secret.question)
    assert "Continue the interrupted run" not in race_page.render(stopped)


@pytest.mark.parametrize(
    ("command", "app"),
    [
        ("whichworker race builtin:django --time 2m", "builtin:django "),
        ("whichworker race --time 60s './my shop'", "'./my shop' "),
        ("whichworker race --require-verdict './my shop'", ""),
        ("whichworker race --time=60s './my shop'", "'./my shop' "),
        ("whichworker race --servers a,b", ""),
        ("whichworker race", ""),
        ("it's broken", ""),
    ],
)
def test_the_app_of_a_run_is_named_again(command: str, app: str) -> None:
    whole = samples.race()
    found = standings.continue_command(
        replace(whole, run=replace(whole.run, command=command, id="R"))
    )
    assert found == f"whichworker race {app}--resume R"


@every_sample
def test_no_sentence_speaks_of_blocks_or_arms(sample: Callable[[], Result]) -> None:
    text = printed(replace(sample(), validity=samples.race().validity, findings=()))
    words = set(text.lower().replace(":", " ").replace(",", " ").split())
    assert not words & {"block", "blocks", "arm", "arms", "±2%", "dropped", "undetermined"}


def test_the_table_is_sorted_by_the_estimate() -> None:
    whole = samples.race()
    text = printed(replace(whole, arms=tuple(reversed(whole.arms)))).partition("\nsetup ")[2]
    starts = [text.index(f"\n{one.name} ") for one in samples.CONTENDERS]
    assert starts == sorted(starts)


def test_whose_connections_are_shown() -> None:
    whole = samples.race()
    assert "each setup with its own connections" in printed(whole)
    assert "32 connections each" in printed(
        replace(whole, question=replace(whole.question, connections=32))
    )


def test_the_caption_says_what_the_interval_is() -> None:
    wider = "Verdicts use wider intervals: a setup below 1.00 can still be as fast."
    assert f"with its 95 % interval. {wider}" in " ".join(printed(samples.race()).split())
    assert "with the interval that decided the verdict." in printed(samples.old())
    assert "vs leader: " not in printed(samples.single())


def test_a_result_from_before_verdicts_is_read_from_its_json() -> None:
    written = json.loads(encode(samples.old()))
    del written["verdict"]
    for arm in written["arms"]:
        del arm["against_leader"], arm["idle_share"]
    result = decode(json.dumps(written).encode())
    assert isinstance(result, Result)
    text = printed(result)
    assert (
        text.strip().splitlines()[0]
        == "Not decided whether granian-wsgi is faster than gunicorn-gevent"
    )
    rows = {
        line.split()[0]: line for line in text.splitlines() if line[:1].isalpha() and "µs" in line
    }
    assert "0.79x (0.76-0.82)  slower" in rows["waitress"]
    assert "left early" in rows["daphne"]
    assert "not decided" in rows["gunicorn-gevent"]


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        (
            {"undetermined": ()},
            (
                "Not decided: granian-wsgi leads,"
                " but not every other server setup was shown to be slower"
            ),
        ),
        ({"leader": None}, "No verdict: no server setup could be compared"),
        (
            {"undetermined": (), "claims": samples.race().claims, "arms": samples.race().arms[:2]},
            (
                "Tied: granian-wsgi and gunicorn-gthread are within 3%."
                " Take the one with the least memory."
            ),
        ),
        (
            {
                "undetermined": (),
                "ties": (),
                "claims": samples.clear().claims,
                "arms": samples.race().arms[:2],
            },
            "Clear winner: granian-wsgi is faster than the other server setup",
        ),
        (
            {"undetermined": (), "ties": (), "claims": samples.clear().claims},
            "Clear winner: granian-wsgi is faster than all 8 other server setups",
        ),
        (
            {"arms": samples.race().arms[:1]},
            "granian-wsgi is the only server setup that could be measured",
        ),
    ],
)
def test_without_a_verdict_the_claims_make_it(changes: dict[str, object], headline: str) -> None:
    assert standings.verdict_of(replace(samples.old(), **changes)).headline == headline


def test_arrivals_of_sessions_name_both_rates() -> None:
    console = console_of(160)
    print_waits(console, samples.visited())
    text = " ".join(shown(console).split())
    lead = samples.visited().arms[0].waits[0]
    assert f"25%: {arrivals(lead).partition(',')[0]} 50%:" in text
    assert arrivals(lead).endswith(f"{show_rate(lead.rate_per_second)} requests/s")
    assert "sessions/s" in arrivals(lead)
    assert "Random arrivals of whole sessions" in text


def test_the_table_agrees_with_the_headline_about_who_left_early() -> None:
    whole = samples.race()
    assert whole.verdict is not None
    open_ = replace(whole.verdict, undecided_against=("daphne",))
    words = {
        one.arm.name: one.word
        for one in standings.standings(replace(whole, claims=(), verdict=open_))
    }
    assert (words["daphne"], words["hypercorn-asyncio"]) == ("not decided", "slower")


def test_whoever_left_early_is_slower() -> None:
    """Every drop is a claim against someone, if not against the leader."""
    whole = samples.race()
    unclaimed = replace(whole, claims=())
    words = {one.arm.name: one.word for one in standings.standings(unclaimed)}
    assert (words["daphne"], words["waitress"], words["gunicorn-sync"]) == (
        "slower",
        "slower",
        "no verdict",
    )


@every_sample
def test_the_short_summary_fits_on_a_screen(sample: Callable[[], Result]) -> None:
    result, console = sample(), console_of(120)
    terminal.print_result(console, result, full=False)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    ranked = standings.standings(result)
    waits = sum(bool(arm.waits) + bool(arm.capacity_per_second) for arm in result.arms)
    assert len(text.splitlines()) <= 30 + len(ranked) + 4 * waits
    assert f"whichworker show run {result.run.id} --summary full" in text
    serious = [one for one in result.findings if one.severity != "info"]
    if result.validity.state == "valid" and ranked:
        assert standings.verdict_of(result).headline.split()[0] in text
    assert text.count("hint: ") <= min(len(serious), finding_kinds.MATTERING)


def test_a_picture_shows_the_interval_and_the_leader() -> None:
    ranked = standings.standings(samples.race())
    lead, second = ranked[0], next(one for one in ranked if one.ratio and one.ratio.low)
    assert terminal.picture(lead, 1.0) == " " * 19 + "●"
    shown = terminal.picture(second, 1.0)
    assert len(shown) == terminal.PICTURE
    assert "●" in shown
    assert second.ratio is not None
    assert shown.index("●") == round(second.ratio.value * 19)


def test_what_is_absent_is_a_dash_and_never_zero() -> None:
    text = printed(samples.sparse())
    board = text.partition("\nsetup ")[2].partition("\n\n")[0]
    assert terminal.ABSENT in board
    assert " 0 " not in board


@every_sample
@pytest.mark.parametrize("width", [80, 40])
def test_a_narrow_terminal_is_no_reason_to_crash(sample: object, width: int) -> None:
    assert callable(sample)
    assert printed(sample(), width)


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (
            150,
            [
                "setup",
                "requests/s",
                "vs leader",
                "verdict",
                "rank",
                "connections",
                "CPU/request",
                "memory",
                "start",
                "0x                1x",
            ],
        ),
        (
            115,
            [
                "setup",
                "requests/s",
                "vs leader",
                "verdict",
                "rank",
                "connections",
                "CPU/request",
                "memory",
                "start",
            ],
        ),
        (
            98,
            [
                "setup",
                "requests/s",
                "vs leader",
                "verdict",
                "rank",
                "connections",
                "CPU/request",
                "memory",
            ],
        ),
        (80, ["setup", "requests/s", "vs leader", "verdict", "rank", "CPU/request"]),
        (40, ["setup", "requests/s", "verdict"]),
    ],
)
def test_a_narrow_terminal_has_fewer_columns_and_no_number_cut(
    width: int, columns: list[str]
) -> None:
    table = terminal.leaderboard(standings.standings(samples.race()), width)
    assert [column.header for column in table.columns] == columns
    text = printed(samples.race(), width)
    assert "…" not in text.partition("Requests/s is")[0]
    for one in samples.CONTENDERS:
        assert any(
            one.name[:6] in line and f"{one.rate:,.0f}" in line for line in text.splitlines()
        ), one.name


def test_a_name_that_is_too_long_is_folded() -> None:
    whole = samples.race()
    name = "granian-wsgi[workers=2,blocking_threads=4,backpressure=16,http1_keep_alive=true]"
    arms = (replace(whole.arms[0], name=name), *whole.arms[1:])
    text = printed(replace(whole, arms=arms, leader=name), 80)
    assert "3,120" in text
    assert name in "".join(line.split(" ")[0] for line in text.splitlines())


@every_sample
def test_colour_adds_nothing_to_the_words(sample: object) -> None:
    assert callable(sample)
    coloured = printed(sample(), colour=True)
    assert "\x1b[" in coloured
    assert "\x1b" not in printed(sample())


def test_names_are_not_markup() -> None:
    text = printed(samples.hostile("[bold]x[/bold]"), 400)
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize(
    ("low", "high", "text"), [(1, 1, "1"), (2, 4, "2-4"), (None, None, "–"), (None, 3, "–")]
)
def test_ranks(low: int | None, high: int | None, text: str) -> None:
    assert terminal.rank(replace(samples.race().arms[0], rank_low=low, rank_high=high)) == text


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("granian-wsgi", "leader"),
        ("gunicorn-gthread", "tied"),
        ("gunicorn-gevent", "not decided"),
        ("waitress", "slower"),
        ("daphne", "slower"),
    ],
)
def test_each_setup_has_the_word_of_its_verdict(name: str, word: str) -> None:
    assert (
        next(one.word for one in standings.standings(samples.race()) if one.arm.name == name)
        == word
    )


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (None, "–"),
        (Ratio(value=0.621, low=0.599, high=0.6444, interval="95 %"), "0.62x (0.60-0.64)"),
        (Ratio(value=0.621, low=None, high=None, interval="95 %"), "0.62x"),
    ],
)
def test_ratios(seen: Ratio | None, text: str) -> None:
    assert terminal.ratio(seen) == text


def test_a_setup_that_a_claim_calls_faster_is_faster() -> None:
    whole = samples.old()
    claims = (replace(whole.claims[0], better="daphne", worse="granian-wsgi"),)
    one = next(
        one
        for one in standings.standings(replace(whole, claims=claims))
        if one.arm.name == "daphne"
    )
    assert (one.word, terminal.ratio(one.ratio)) == ("faster", "1.08x (1.04-1.12)")


def test_a_rate_that_nobody_was_shown_to_keep_has_nothing_to_deploy() -> None:
    text = printed(replace(samples.sought(), advice=None))
    assert "deploy     nothing yet: no server setup was shown to meet p99<50ms at 2,350/s" in text


def test_findings_come_with_evidence_and_cure() -> None:
    console = console_of(120)
    long = "\n".join(f"line {number}" for number in range(20))
    terminal.print_findings(
        console,
        [Finding(code="x", severity="warning", text="it is so", evidence=long, hint="mend it")],
    )
    text = shown(console)
    assert text.startswith("! it is so\n    line 0\n")
    assert "line 5" in text and "line 6" not in text
    assert text.endswith("    hint: mend it\n")


@pytest.mark.parametrize(
    ("connections", "words"),
    [
        (16, "16 connections, closed loop"),
        (None, "each server setup with the number of connections that saturates it"),
    ],
)
def test_the_plan(connections: int | None, words: str) -> None:
    arm = Arm(
        name="waitress[threads=8]",
        server="waitress",
        kind="threads",
        family="waitress",
        interface="wsgi",
        requirements=("waitress",),
        python="3.12",
        settings={"threads": 8},
    )
    app = App(
        name="shop",
        directory="/srv",
        python="/usr/bin/python3",
        origin={"app": "manage.py of this folder"},
    )
    question = Question(
        subject=Subject(
            apps={"3.12": app},
            workload=Workload(name="/", title="GET /", requests=(Request(),)),
        ),
        terms=Terms(connections=connections, resolution=samples.LOCKED),
        arms=(arm,),
        budget=Budget(seconds=120.0, server_cores=(0, 1), generator_cores=(2,)),
    )
    console = console_of(120)
    terminal.print_plan(console, question, {arm.name: "3.0.2"})
    text = shown(console)
    for part in (
        "shop",
        "manage.py of this folder",
        "GET /",
        "servers on core 0,1, generator on core 2",
        "versions   of the lock files, as of 2026-11-29 09:00 UTC",
        words,
        "2 min 00 s",
        arm.name,
        "3.0.2",
        "threads=8",
    ):
        assert part in text


def test_a_race_of_sessions_names_no_rate_to_plan_with() -> None:
    told = codes.SESSIONS_RACED.finding("The race runs visitor (4 requests)")
    result = replace(samples.visited(), findings=(told,))
    assert standings.ceiling_caption(result).endswith("It counts each step of a session.")
    assert "--slo" in standings.ceiling_caption(samples.waited())
