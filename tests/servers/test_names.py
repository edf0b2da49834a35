"""Arm names: every form of the contract, short names, settings and copies."""

from __future__ import annotations

import pytest

from whichworker.errors import UsageError
from whichworker.servers import names, table
from whichworker.servers.names import Wanted

FORMS = [
    ("gunicorn-gthread", Wanted("gunicorn-gthread", None, None, {})),
    ("granian-asgi-uvloop", Wanted("granian-asgi-uvloop", None, None, {})),
    ("granian-wsgi@2.8.7", Wanted("granian-wsgi", "2.8.7", None, {})),
    ("granian-wsgi@2.8.7rc1+x", Wanted("granian-wsgi", "2.8.7rc1+x", None, {})),
    ("uvicorn/3.12", Wanted("uvicorn", None, "3.12", {})),
    ("uvicorn/3.12[workers=2]", Wanted("uvicorn", None, "3.12", {"workers": "2"})),
    (
        "granian-wsgi[workers=2,threads=4]",
        Wanted("granian-wsgi", None, None, {"workers": "2", "threads": "4"}),
    ),
    (
        "granian-wsgi@2.8.7/3.13[workers=2]",
        Wanted("granian-wsgi", "2.8.7", "3.13", {"workers": "2"}),
    ),
]


@pytest.mark.parametrize(("text", "wanted"), FORMS)
def test_every_form_of_a_name(text: str, wanted: Wanted) -> None:
    assert names.parse(text) == wanted
    assert str(wanted) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  gthread ", "gunicorn-gthread"),
        ("sync", "gunicorn-sync"),
        ("eventlet", "gunicorn-eventlet"),
        ("trio", "hypercorn-trio"),
        ("wsgi-granian", "granian-wsgi"),
        ("asgi-gunicorn-uvloop", "gunicorn-asgi-uvloop"),
        ("uvicorn", "uvicorn"),
        ("gthread@23.0[ threads = 8 ]", "gunicorn-gthread@23.0[threads=8]"),
        ("sync[]", "gunicorn-sync"),
        ("gevent", "gunicorn-gevent"),
        ("asgi[workers=2]", "gunicorn-asgi[workers=2]"),
        ("asgi-uvloop", "gunicorn-asgi-uvloop"),
    ],
)
def test_the_canonical_name(text: str, canonical: str) -> None:
    assert str(names.parse(text)) == canonical
    assert names.parse(canonical) == names.parse(text)


@pytest.mark.parametrize("name", sorted(table.SERVERS))
def test_a_full_name_is_never_ambiguous(name: str) -> None:
    assert names.resolve(name) == name


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("peregrine", ["peregrine-wsgi", "peregrine-asgi"]),
        ("gunicorn-uvloop", ["gunicorn-asgi-uvloop", "gunicorn-uvicorn-uvloop"]),
    ],
)
def test_an_ambiguous_name_lists_its_candidates(name: str, candidates: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        names.resolve(name)
    assert caught.value.fact == f"{name!r} is not unique: {', '.join(candidates)}"
    assert caught.value.hint == "give the full name"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gunicorn-gtread", "did you mean gunicorn-gthread?"),
        ("waitres", "did you mean waitress?"),
        ("gunicron", "did you mean gunicorn-sync or gunicorn-gthread or "),
        ("zzz", "whichworker servers"),
    ],
)
def test_an_unknown_name_suggests(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no server is called {name!r}") as caught:
        names.parse(name)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Gunicorn",
        "uvicorn@",
        "uvicorn/",
        "uvicorn[",
        "uvicorn[workers=2",
        "uvicorn]",
        "uvicorn[workers=[2]]",
        "uvicorn@1 /3.12",
        "uvicorn#2",
        "ü",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="not the name of a server setup") as caught:
        names.parse(text)
    assert "granian-wsgi@2.8.7/3.12[workers=2,threads=4]" in caught.value.hint


def test_a_setting_given_twice_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="sets workers twice"):
        names.parse("uvicorn[workers=1,workers=2]")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        (" , ,", []),
        ("sync", ["sync"]),
        ("sync, gthread", ["sync", "gthread"]),
        ("granian-wsgi[workers=2,threads=4],sync", ["granian-wsgi[workers=2,threads=4]", "sync"]),
        ("a,b[x=1,y=2]/3.12,c[z=3]", ["a", "b[x=1,y=2]/3.12", "c[z=3]"]),
        ("sync,sync", ["sync", "sync"]),
        ("a[x=1,y=2", ["a[x=1,y=2"]),
    ],
)
def test_lists_are_split_outside_brackets(text: str, parts: list[str]) -> None:
    assert names.split(text) == parts


@pytest.mark.parametrize("text", ["granian-wsgi[workers=2,threads=4]", "uvicorn/3.12[workers=2]"])
def test_a_split_name_can_be_parsed(text: str) -> None:
    assert [str(names.parse(part)) for part in names.split(f"{text},{text}")] == [text, text]


def test_a_contender_has_the_defaults_for_its_cores() -> None:
    arm = names.contender(names.parse("gthread"), "3.12", cores=3)
    assert (arm.name, arm.server, arm.family, arm.kind) == (
        "gunicorn-gthread",
        "gunicorn-gthread",
        "gunicorn",
        "gthread",
    )
    assert (arm.interface, arm.python) == ("wsgi", "3.12")
    assert arm.settings == {"workers": 3, "threads": 4}


def test_settings_and_version_are_those_that_were_asked_for() -> None:
    arm = names.contender(names.parse("gunicorn-gevent@25.1[workers=2]"), "3.12", cores=3)
    assert arm.name == "gunicorn-gevent@25.1[workers=2]"
    assert arm.settings == {"workers": 2, "connections": 1000}
    assert arm.requirements == ("gunicorn[gevent]==25.1",)


def test_only_the_first_requirement_is_pinned() -> None:
    pinned = names.contender(names.parse("gunicorn-uvicorn@25.0"), "3.12", cores=1).requirements
    assert pinned == ("gunicorn==25.0", *table.load("gunicorn-uvicorn").requirements[1:])


PINS = [
    ("granian", "2.7.9", "granian==2.7.9"),
    ("gunicorn>=25", "25.1", "gunicorn==25.1"),
    ("gunicorn>=25,<26", "25.0", "gunicorn==25.0"),
    ("gunicorn[gevent]>=25", "27.0.1", "gunicorn[gevent]==27.0.1"),
    ("gunicorn [gevent] >=25", "27", "gunicorn[gevent]==27"),
    ("uvicorn[standard,watch]", "0.54.0", "uvicorn[standard,watch]==0.54.0"),
    ("zope.event~=5.0", "5.1", "zope.event==5.1"),
    ("served @ file:///wheels/served.whl", "2", "served==2"),
    ("gevent>=24; python_version < '3.14'", "24.2", 'gevent==24.2; python_version < "3.14"'),
    ("gunicorn>=25", None, "gunicorn>=25"),
]


@pytest.mark.parametrize(("requirement", "version", "pinned"), PINS)
def test_a_requirement_is_held_at_one_version(
    requirement: str, version: str | None, pinned: str
) -> None:
    assert names.pin(requirement, version) == pinned


@pytest.mark.parametrize("name", sorted(table.SERVERS))
def test_every_server_can_be_held_at_a_version(name: str) -> None:
    server = table.load(name)
    arm = names.contender(names.parse(f"{name}@1.2.3"), "3.12", cores=1)
    assert arm.requirements[0].endswith("==1.2.3")
    assert arm.requirements[1:] == server.requirements[1:]
    assert arm.name == f"{name}@1.2.3"


def test_a_server_of_the_standard_library_has_no_version_to_choose() -> None:
    assert names.held((), Wanted("wsgiref-simple", None, None, {})) == ()
    with pytest.raises(UsageError, match="has no versions"):
        names.held((), Wanted("wsgiref-simple", "1.0", None, {}))


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        ("sync[threads=2]", "gunicorn-sync has no setting 'threads'", "it has workers, preload"),
        ("gthread[workers=0]", "workers must be a whole number of at least 1, not '0'", ""),
        ("gthread[workers=-1]", "not '-1'", ""),
        ("gthread[workers=two]", "not 'two'", ""),
        ("gthread[workers=1.5]", "not '1.5'", ""),
        ("gthread[workers=]", "not ''", ""),
        ("gthread[workers]", "not ''", ""),
        ("gthread[workers=²]", "not '²'", ""),
        ("gthread[=2]", "no setting ''", "it has workers, threads, preload"),
    ],
)
def test_settings_are_checked_against_the_knobs(text: str, fact: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        names.contender(names.parse(text), "3.12", cores=1)
    assert fact in caught.value.fact
    assert caught.value.hint == hint


def test_the_same_thing_twice_is_numbered() -> None:
    wanted = ["gthread", "sync", "gunicorn-gthread", "gthread[threads=8]", "gthread"]
    arms = names.number_copies(
        [names.contender(names.parse(text), "3.12", cores=1) for text in wanted]
    )
    assert [arm.name for arm in arms] == [
        "gunicorn-gthread",
        "gunicorn-sync",
        "gunicorn-gthread#2",
        "gunicorn-gthread[threads=8]",
        "gunicorn-gthread#3",
    ]
    assert {arm.server for arm in arms} == {"gunicorn-gthread", "gunicorn-sync"}


def test_the_usual_contenders_are_in_the_table_once() -> None:
    assert set(table.CONTENDERS) <= set(table.SERVERS)
    assert len(set(table.CONTENDERS)) == len(table.CONTENDERS) == 12


@pytest.mark.parametrize("name", sorted(table.SERVERS))
def test_every_default_is_a_knob_and_allowed(name: str) -> None:
    server = table.load(name)
    for key, value in server.settings(2).items():
        assert names.setting(server, name, key, str(value)) == value


def test_groups_stand_for_every_server_that_is_not_opt_in() -> None:
    everything = names.chosen("all-wsgi,all-asgi")
    assert len(everything) == len(set(everything)) > 30
    assert set(everything) == {name for name in table.names() if not table.load(name).opt_in}
    assert names.chosen("sync,all-asgi")[0] == "sync"
    assert names.chosen("") == list(table.CONTENDERS)
