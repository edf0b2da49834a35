"""Where a launch keeps its log and its temporary files."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import faulty_question

from whichworker.bench.running import Bench, order_of
from whichworker.model import Address, Environment


def test_launches_of_versions_with_dots_share_no_file(tmp_path: Path) -> None:
    question = faulty_question([("waitress@3.0.1", ""), ("waitress@3.0.2", "")])
    environment = Environment(python="/p", bin="/bin", version="3", python_version="3.12.1")
    environments = {arm.name: environment for arm in question.arms}
    bench = Bench(question, environments, tmp_path, tmp_path)
    orders = [
        order_of(bench, arm, Address("127.0.0.1", 8000)) for arm in question.arms for _ in range(2)
    ]
    places = {place for order in orders for place in (order.log, order.temporary)}
    assert len(places) == 8
    for order, arm in zip(orders[::2], question.arms, strict=True):
        assert Path(order.log).name.startswith(f"{arm.name}-")
        assert Path(order.temporary).is_dir()
