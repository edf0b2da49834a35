from collections.abc import Callable
from typing import Literal, final

SLOTS: int

State = Literal["more", "done", "refused", "truncated", "no memory"]

@final
class Engine:
    def __new__(
        cls,
        *,
        host: str,
        port: int,
        path: bytes,
        address: str,
        connections: int,
        begins: int,
        opens: int,
        closes: int,
        stagger: int,
        deadline: int,
        limit: int,
        flood: int,
        memory: int,
        backlog: int,
        spin: bool,
        stamps: bool,
        timerfd: bool,
        slices: bool,
        keep_alive: bool,
        ends: int,
        judge: Callable[[int, bytes, bytes | None], bool],
        fail: Callable[[str, int, str, bytes], None],
    ) -> Engine: ...
    def add_request(
        self,
        wire: bytes,
        head_request: bool,
        status: int,
        body: bytes | None,
        contains: tuple[bytes, ...],
        by_head: bool,
        by_body: bool,
        kept: int,
        route: int,
        /,
    ) -> None: ...
    def set_deck(self, deck: bytes, /) -> None: ...
    def feed(self, due: bytes, more: bool, /) -> None: ...
    def turn(self, until: int, /) -> bool: ...
    def look(self) -> tuple[int, int]: ...
    def adopt(self, fd: int, /) -> None: ...
    def slice(self, limit: int, most: int, start: int, until: int, /) -> bool: ...
    def sliced(self) -> tuple[int, int, int, int, int, bytes]: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def histogram(self, name: str, slice_: int = 0, /) -> tuple[bytes, int, int]: ...
    def route(self, number: int, slice_: int, /) -> tuple[int, tuple[bytes, int, int]]: ...
    def totals(self) -> dict[str, int]: ...
    def tables(self) -> tuple[list[tuple[int, int]], bytes, bytes]: ...

@final
class Parser:
    def __new__(
        cls,
        to_head_request: bool = False,
        body_limit: int = ...,
        expected: bytes = b"",
        kept: int = ...,
        memory: int = ...,
    ) -> Parser: ...
    def feed(self, data: bytes, /) -> State: ...
    def finish(self) -> State: ...
    def response(self) -> tuple[int, bytes, bytes, str, bool, int]: ...
