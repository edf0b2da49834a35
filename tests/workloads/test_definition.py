"""Load files: their contents, the messages for unusable ones, and the guide that shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.errors import UsageError
from whichworker.load.framing import Response
from whichworker.load.session import Iteration
from whichworker.model import Answer, Capture, Check, Request, Session, Stage, Step
from whichworker.workloads import file_tables
from whichworker.workloads.definition import Definition, parse_definition, read_definition

FILE = Path("folder/load.toml")
GUIDE = Path(__file__).parents[2] / "docs/guides/load-files.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")


def parse(text: str) -> Definition:
    return parse_definition(text, FILE)


def request_of(keys: str) -> Request:
    (request,) = parse(f"[[request]]\npath = '/'\n{keys}").requests
    return request


def test_the_least_file() -> None:
    assert parse('[[request]]\npath = "/"') == Definition(requests=(Request(),))


def test_options() -> None:
    found = parse(
        """
        url = "https://shop.example:8443"
        connections = 32
        rate = "600/min"
        arrivals = "poisson"
        time = "1m30s"
        deadline = "250ms"
        ca = "ca.pem"
        insecure = false
        [[request]]
        path = "/"
        """
    )
    assert found == Definition(
        url="https://shop.example:8443",
        requests=(Request(),),
        connections=32,
        rate=10.0,
        arrivals="poisson",
        time=90.0,
        deadline=0.25,
        ca="folder/ca.pem",
        insecure=False,
    )


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ('{ duration = "10s", target = "200/s" }', (Stage(10.0, 0.0, 200.0),)),
        (
            (
                '{ duration = "10s", target = "200/s" }, { duration = "1m", target = "200/s" }, '
                '{ duration = "5s", target = "0/s" }'
            ),
            (Stage(10.0, 0.0, 200.0), Stage(60.0, 200.0, 200.0), Stage(5.0, 200.0, 0.0)),
        ),
        (
            (
                '{ duration = "10s", from = "50/s", target = "50/s" }, '
                '{ duration = "1s", from = "0", target = "60/min" }'
            ),
            (Stage(10.0, 50.0, 50.0), Stage(1.0, 0.0, 1.0)),
        ),
    ],
)
def test_stages(text: str, stages: tuple[Stage, ...]) -> None:
    assert parse(f"stages = [{text}]\n[[request]]\npath = '/'").stages == stages


@pytest.mark.parametrize(
    ("keys", "request_"),
    [
        ("name = 'a'\nweight = 3", Request(name="a", weight=3)),
        ("method = 'delete'", Request(method="DELETE")),
        ("headers = { A = '1', B = '' }", Request(headers=(("A", "1"), ("B", "")))),
        ("body = 'é'", Request(method="POST", body="é".encode())),
        ("method = 'PUT'\nbody = 'x'", Request(method="PUT", body=b"x")),
        (
            "form = { a = 'b c&', n = 5, 'ü' = 1.5 }",
            Request(method="POST", headers=(FORM,), body=b"a=b+c%26&n=5&%C3%BC=1.5"),
        ),
        ("form = {}", Request(method="POST", headers=(FORM,))),
        (
            "json = { a = [1, true, 'é'] }",
            Request(method="POST", headers=(JSON,), body='{"a": [1, true, "é"]}'.encode()),
        ),
        ("json = []", Request(method="POST", headers=(JSON,), body=b"[]")),
        (
            "json = {}\nheaders = { content-type = 'application/ld+json' }",
            Request(method="POST", headers=(("content-type", "application/ld+json"),), body=b"{}"),
        ),
        ("expect = 'status=404'", Request(answer=Answer(status=404))),
        (
            "expect = ['contains=a', 'json:b=1']",
            Request(answer=Answer(contains=(b"a",), json=(("b", "1"),))),
        ),
        (
            "check = { one = 'contains=a', two = ['status=200', 'body='] }",
            Request(
                checks=(
                    Check(name="one", answer=Answer(status=None, contains=(b"a",))),
                    Check(name="two", answer=Answer(status=200, body=b"")),
                )
            ),
        ),
        (
            "path = '/$$a$'\nheaders = { A = '$$$$' }\nbody = '$$x $5 $$y'",
            Request(method="POST", path="/$a$", headers=(("A", "$$"),), body=b"$x $5 $y"),
        ),
        ("form = { a = '$$ $' }", Request(method="POST", headers=(FORM,), body=b"a=%24+%24")),
        ("json = { a = '$$' }", Request(method="POST", headers=(JSON,), body=b'{"a": "$"}')),
    ],
)
def test_requests(keys: str, request_: Request) -> None:
    found = (
        request_of(keys)
        if not keys.startswith("path")
        else parse(f"[[request]]\n{keys}").requests[0]
    )
    assert found == request_


def test_sessions() -> None:
    found = parse(
        """
        [[session]]
        name = "buys"
        weight = 2
        [[session.step]]
        path = "/a"
        capture = { t = "cookie:x", u = "json:a.0" }
        think_time = "500ms"
        [[session.step]]
        name = "post"
        path = "/b/${t}"
        headers = { A = "${u}" }
        form = { "${t}" = "x ${u} $$" }
        expect = "status=302"
        [[session]]
        [[session.step]]
        path = "/c"
        """
    )
    captures = (
        Capture(name="t", source="cookie", key="x"),
        Capture(name="u", source="json", key="a.0"),
    )
    post = Request(
        name="post",
        method="POST",
        path="/b/${t}",
        headers=(("A", "${u}"), FORM),
        body=b"${t}=x+${u}+%24",
        answer=Answer(status=302),
    )
    assert found.sessions == (
        Session(
            name="buys",
            weight=2,
            steps=(
                Step(request=Request(path="/a"), captures=captures, think_seconds=0.5),
                Step(request=post),
            ),
        ),
        Session(name="session 2", steps=(Step(request=Request(path="/c")),)),
    )
    assert found.requests == ()


STEP = "[[session]]\nname = 's'\n[[session.step]]\npath = '/'\n"


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        ("", "it is empty", "[[request]]"),
        ("# nothing\n", "it is empty", "[[request]]"),
        ("url = 'http://h'", "neither a request nor a session", "[[request]]"),
        ("a = ", "not TOML", "docs/guides/load-files.md"),
        ("conections = 1", "unknown key 'conections'", "did you mean connections?"),
        ("vus = 1", "unknown key 'vus'", "did you mean connections?"),
        ("requests = []", "unknown key 'requests'", "did you mean request?"),
        ("scenarios = []", "unknown key 'scenarios'", "did you mean session?"),
        ("zzz = 1", "unknown key 'zzz'", "one of url, host, connections"),
        ("connections = '5'", "connections: expected whole number, got text", "docs/guides"),
        ("connections = 0", "connections: expected whole number >= 1", "docs/guides"),
        ("rate = 50", "rate: expected text, got whole number", "docs/guides"),
        ("rate = '50'\n[[request]]\npath = '/'", "rate: not a rate: '50'", "50/s"),
        ("time = 'soon'\n[[request]]\npath = '/'", "time: not a duration", "90s"),
        ("arrivals = 'random'", "arrivals: invalid enum value 'random'", "docs/guides"),
        (
            "[request]\npath = '/'",
            "request: expected list, got table",
            "write [[request]] with two brackets",
        ),
        (
            "[[session]]\n[session.step]\npath = '/'",
            "session 1: step: expected list",
            "write [[session.step]]",
        ),
        ("request = [3]", "request 1: expected table, got whole number", "docs/guides"),
        ("[[request]]\nname = 'a'", "request 1 'a': there is no path", "docs/guides"),
        (
            "[[request]]\npath = '/'\n[[request]]\npath = 'b'",
            "request 2: not a path: 'b'",
            "begin with /",
        ),
        ("[[request]]\npath = '/a b'", "request 1: not a path", "%20"),
        ("[[request]]\npath = '/'\nurl = '/'", "unknown key 'url'", "did you mean path?"),
        (
            "[[request]]\npath = '/'\nbodi = ''",
            "request 1: unknown key 'bodi'",
            "did you mean body?",
        ),
        (
            "[[request]]\npath = '/'\nweight = 0",
            "weight: expected whole number >= 1",
            "docs/guides",
        ),
        ("[[request]]\npath = '/'\nweight = true", "weight: expected whole number", "docs/guides"),
        (
            "[[request]]\npath = '/'\nweight = 1000000",
            "weight: expected whole number <= 10000",
            "docs/guides",
        ),
        ("[[request]]\npath = '/'\nmethod = 'G T'", "not a method: 'G T'", "such as GET"),
        (
            "[[request]]\npath = '/'\nheaders = { A = 1 }",
            "headers: expected text, got whole number",
            "docs/guides",
        ),
        ("[[request]]\npath = '/'\nbody = ''\nform = {}", "both body and form", "one body"),
        ("[[request]]\npath = '/'\nform = { a = true }", "form: expected", "docs/guides"),
        ("[[request]]\npath = '/'\njson = { a = nan }", "json: ", "no inf or nan"),
        ("[[request]]\npath = '/'\njson = { a = 2020-01-01 }", "json: ", "dates as texts"),
        (
            "[[request]]\npath = '/'\nexpect = 'statu=2'",
            "request 1: expect: not an expectation",
            "write status=200",
        ),
        (
            "[[request]]\npath = '/'\ncheck = { ok = 'x' }",
            "request 1: check 'ok': not an expectation",
            "write status=200",
        ),
        (
            "[[request]]\npath = '/'\ncapture = { a = 'cookie:a' }",
            "request 1: unknown key 'capture'",
            "one of",
        ),
        ("[[request]]\npath = '/${a}'", "request 1: ${a} in a request", "session"),
        (
            "[[request]]\npath = '/'\n[[request]]\npath = '/'",
            "two requests are called 'GET /'",
            "a name of its own",
        ),
        (STEP + STEP, "two sessions are called 's'", "a name of its own"),
        (STEP + "[[request]]\npath = '/'", "both requests and sessions", "one step"),
        ("[[session]]\nstep = []", "session 1: no step", "[[session.step]]"),
        (STEP + "weight = 2", "session 1 's': step 1: a weight in a step", "the session has one"),
        (STEP + "sleep = '1s'", "step 1: unknown key 'sleep'", "did you mean think_time?"),
        (STEP + "think_time = 1", "step 1: think_time: expected text", "docs/guides"),
        (STEP + "think_time = '1'", "step 1: think_time: not a duration", "250ms"),
        (STEP + "body = '${a}'", "step 1: ${a} is captured by no step before", "capture = { a ="),
        (
            STEP + "body = '${a}'\ncapture = { a = 'cookie:a' }",
            "captured by no step before",
            "too late",
        ),
        (
            STEP + "capture = { token = 'cookie:a' }\n[[session.step]]\npath = '/${tokn}'",
            "step 2: ${tokn}",
            "did you mean ${token}?",
        ),
        (STEP + "headers = { A = '${a b}' }", "not a name: '${a b}'", "$$"),
        (STEP + "body = '${'", "not a name: '${'", "$$"),
        (STEP + "body = '$$${}'", "not a name: '${}'", "$$"),
        (STEP + "capture = { 'a-b' = 'cookie:a' }", "not a name to capture", "letters"),
        (STEP + "capture = { a = 'a' }", "a is not a capture: 'a'", "cookie:NAME"),
        ("url = 'localhost'\n[[request]]\npath = '/'", "url: not a URL", "http://localhost"),
        (
            "url = 'http://h/a'\n[[request]]\npath = '/'",
            "url: a path in 'http://h/a'",
            "each request",
        ),
        (
            "rate = '1/s'\nstages = [{}]\n[[request]]\npath = '/'",
            "both rate and stages",
            "leave the other out",
        ),
        (
            "time = '1s'\nstages = [{}]\n[[request]]\npath = '/'",
            "both time and stages",
            "leave the other out",
        ),
        (
            "stages = [{ duration = '1s', target = '0/s' }]\n[[request]]\npath = '/'",
            "no stage asks for anything",
            "200/s",
        ),
        (
            "stages = [{ duration = '1s', target = 5 }]\n[[request]]\npath = '/'",
            "stage 1: target: expected text",
            "docs/guides",
        ),
        (
            "stages = [{ duration = '1s', target = '5' }]\n[[request]]\npath = '/'",
            "stage 1: not a rate: '5'",
            "50/s",
        ),
        (
            "stages = [{ duration = '1s', to = '5/s' }]\n[[request]]\npath = '/'",
            "stage 1: unknown key 'to'",
            "duration, target, from",
        ),
        (
            "stages = [{ target = '5/s' }]\n[[request]]\npath = '/'",
            "stage 1: there is no duration",
            "docs/guides",
        ),
    ],
)
def test_what_cannot_be_used(text: str, fact: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.fact.startswith(f"{FILE}: ")
    assert fact in caught.value.fact
    assert hint in caught.value.hint


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "load.toml"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_definition(file)
    file.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_definition(file)
    file.write_text("ca = 'ca.pem'\n[[request]]\npath = '/'", encoding="utf-8")
    assert read_definition(file).ca == str(tmp_path / "ca.pem")


VALUES = st.recursive(
    st.sampled_from(
        [
            '"/"',
            '"${a}"',
            '"$$"',
            '"status=200"',
            '"cookie:a"',
            '"10s"',
            '"5/s"',
            "1",
            "0",
            "nan",
            "true",
            "2020-01-01",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(
            st.sampled_from(["path", "a", "duration", "target", "step", "name"]), inner, max_size=3
        ).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
    ),
    max_leaves=4,
)
WORDS = [
    "path",
    "name",
    "method",
    "weight",
    "headers",
    "body",
    "form",
    "json",
    "expect",
    "check",
    "capture",
    "think_time",
]
KEYS = st.dictionaries(st.sampled_from(WORDS), VALUES)
TOP = st.dictionaries(st.sampled_from(["url", "stages", "rate", "time", "ca", "request"]), VALUES)
Table = Mapping[str, str]


def write(table: Table) -> str:
    return "".join(f"{key} = {value}\n" for key, value in table.items())


@given(TOP, st.sampled_from(["request", "session"]), KEYS, KEYS)
def test_tables_of_any_kind_raise_usage_errors_only(
    top: Table, kind: str, first: Table, second: Table
) -> None:
    start, again = (
        ("[[request]]", "[[request]]")
        if kind == "request"
        else ("[[session]]\n[[session.step]]", "[[session.step]]")
    )
    try:
        parse(f"{write(top)}\n{start}\n{write(first)}\n{again}\n{write(second)}")
    except UsageError as error:
        assert error.hint


@given(st.text())
def test_texts_of_any_kind_raise_usage_errors_only(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@given(st.text(), st.text(max_size=20), st.text(max_size=20))
def test_what_a_form_and_json_say_is_what_arrives(value: str, before: str, after: str) -> None:
    """Through the file, the template and the encoding, every text comes out as it went in."""
    first = Step(request=Request(), captures=(Capture(name="v", source="json", key="v"),))
    text = f"{before.replace('$', '$$')}${{v}}{after.replace('$', '$$')}"
    for kind in ("form", "json"):
        body = {kind: {"k": text}}
        quoted = msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
        post = (
            parse(
                f'{STEP}capture = {{ v = "json:v" }}\n'
                f'[[session.step]]\npath = "/"\n{kind} = {{ k = {quoted} }}'
            )
            .sessions[0]
            .steps[1]
        )
        iteration = Iteration(Session(name="s", steps=(first, post)), "h")
        answer = Response(
            status=200,
            headers=(),
            body=msgspec.json.encode({"v": value}),
            framing="length",
            keep_alive=True,
        )
        assert iteration.take(answer) is None
        sent = iteration.wire().partition(b"\r\n\r\n")[2]
        arrived = (
            dict(parse_qsl(sent.decode(), keep_blank_values=True))
            if kind == "form"
            else msgspec.json.decode(sent)
        )
        assert arrived == {"k": before + value + after}, body


def test_the_guide_shows_something() -> None:
    assert len(BLOCKS) == 5


@pytest.mark.parametrize("text", BLOCKS)
def test_every_file_of_the_guide_can_be_used(text: str) -> None:
    found = parse(text)
    assert found.url
    for session in found.sessions:
        Iteration(session, "h")


def test_the_guide_names_every_key() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for table in (
        file_tables.FileTable,
        file_tables.RequestTable,
        file_tables.StepTable,
        file_tables.SessionTable,
        file_tables.StageTable,
    ):
        for key in table.__struct_encode_fields__:
            assert re.search(rf"\b{key}\b", text), key


def test_the_login_of_the_guide() -> None:
    """The steps with the responses of Django's admin."""
    (session,) = next(parse(text) for text in BLOCKS if "csrftoken" in text).sessions
    iteration = Iteration(session, "127.0.0.1:8000")
    answers = [
        (
            200,
            (
                (
                    "set-cookie",
                    (
                        "csrftoken=AbC; expires=Sat, 20 Nov 2027 10:00:00 GMT; "
                        "Max-Age=31449600; Path=/; SameSite=Lax"
                    ),
                ),
            ),
        ),
        (
            302,
            (
                ("location", "/admin/"),
                ("set-cookie", "csrftoken=New; Path=/"),
                ("set-cookie", "sessionid=s1; HttpOnly; Path=/"),
            ),
        ),
        (200, ()),
    ]
    sent = []
    for status, headers in answers:
        sent.append(iteration.wire())
        assert (
            iteration.take(
                Response(
                    status=status, headers=headers, body=b"", framing="length", keep_alive=True
                )
            )
            is None
        )
    assert iteration.done
    assert b"Cookie" not in sent[0]
    head, _, body = sent[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /admin/login/?next=/admin/ HTTP/1.1\r\n")
    assert b"\r\nCookie: csrftoken=AbC" in head
    assert (
        body == b"csrfmiddlewaretoken=AbC&username=editor&password=correct+horse&next=%2Fadmin%2F"
    )
    assert f"Content-Length: {len(body)}".encode() in head
    assert (
        sent[2] == b"GET /admin/ HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
        b"Cookie: csrftoken=New; sessionid=s1\r\n\r\n"
    )
