"""A deployment as data: the source of every file for systemd, Docker or others; its promise."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from whichworker.model.arms import ConfigFile, Settings
from whichworker.model.requests import Request


class Promise(Struct, frozen=True, kw_only=True):
    """The measured results of an arm, to compare a deployment with.

    `low` is the lower end of its throughput. Everything is as in the run it comes from.
    `certified_per_second` meets `slo`, if a capacity was measured. `command` starts the server
    with its own configuration file, if it reads one. `files` are the written ones with their kinds,
    `digests` their SHA-256.
    """

    run: str
    arm: str
    server: str
    settings: Settings
    throughput_per_second: Annotated[float, Meta(gt=0)]
    low: float
    high: float
    connections: Annotated[int, Meta(ge=1)]
    certified_per_second: float | None = None
    slo: str | None = None
    host: str = "localhost"
    requests: tuple[Request, ...] = ()
    directory: str = ""
    command: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


class Deployment(Struct, frozen=True, kw_only=True):
    """One arm, ready for production; `because` gives the reason of each setting's value.

    `user` owns the project (empty: root does). `unraced` are options of servers in the environment
    file, which a race leaves out; `private` are files of the project that no image may have.
    `folder` is where the files are written. `argv` is the command inside the environment; `config`
    replaces its options if the server reads a file of its own.
    """

    project: str
    directory: str
    arm: str
    server: str
    interface: str
    target: str
    argv: tuple[str, ...]
    config: ConfigFile | None
    requirements: tuple[str, ...]
    environment: dict[str, str]
    environment_file: str
    misread: dict[str, tuple[str, ...]]
    shim: str
    python: str
    bin: str
    folder: str
    ready_path: str
    host: str
    stop_signal: str
    memory_bytes: int | None
    memory_limit_bytes: int | None
    cores: int
    static: tuple[str, str] | None
    because: dict[str, str]
    promise: Promise
    remark: str = ""
    user: str = ""
    unraced: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


class Emitted(Struct, frozen=True, kw_only=True):
    """A file to deploy with, and what kind of file it is."""

    name: str
    text: str
    kind: str
