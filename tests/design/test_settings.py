"""Which settings are worth racing."""

from __future__ import annotations

from itertools import pairwise

import pytest

from whichworker.design.settings import MOST, variants
from whichworker.servers import table


@pytest.mark.parametrize("name", table.SERVERS)
@pytest.mark.parametrize("cores", [1, 2, 8])
def test_variants_are_settings_that_the_server_takes(name: str, cores: int) -> None:
    server = table.load(name)
    usual = server.settings(cores)
    found = variants(server.knobs, usual, cores, None)
    assert len(found) <= MOST
    assert usual not in found
    assert all(one != other for one, other in pairwise(found))
    knobs = {knob.name: knob for knob in server.knobs}
    for settings in found:
        assert set(settings) - set(usual) <= {"preload"}
        assert all(
            value in knobs[key].choices if isinstance(value, str) else value >= knobs[key].least
            for key, value in settings.items()
        )


def test_what_everybody_copies_is_among_them() -> None:
    server = table.load("gunicorn-gthread")
    assert {"workers": 5, "threads": 4} in variants(server.knobs, server.settings(2), 2, None)


def test_settings_that_do_not_fit_into_the_memory_are_left_out() -> None:
    server = table.load("gunicorn-gthread")
    assert all(int(one["workers"]) <= 2 for one in variants(server.knobs, server.settings(2), 2, 2))


@pytest.mark.parametrize(("cores", "preloaded"), [(1, False), (2, True)])
def test_an_app_is_loaded_once_where_several_workers_would_share_it(
    cores: int, preloaded: bool
) -> None:
    server = table.load("gunicorn-sync")
    found = variants(server.knobs, server.settings(cores), cores, None)
    assert ({"workers": cores, "preload": "yes"} in found) == preloaded
