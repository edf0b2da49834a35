"""Variables for processes in environments: what a build may see, and where byte code goes.

A build sees none that can hold a secret of the user's own: a source package runs its build script,
and a shell often has tokens and passwords for other things. Credentials of the package index pass:
without them nothing can be installed from a private one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

BYTE_CODE = "pycache"
"""The folder of a cache with the byte code of all that the tool has imported."""

SYSTEM = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_[A-Z]+", "TZ", "TMPDIR")
FOLDERS = ("XDG_(CACHE|CONFIG|DATA)_HOME", "PYENV_ROOT", "CARGO_HOME", "RUSTUP_HOME")
NETWORK = (
    "(?i:(https?|all|no)_proxy)",
    "SSL_CERT_(FILE|DIR)",
    "SSL_CLIENT_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
)
PIP = (
    "PIP_(EXTRA_)?INDEX_URL",
    "PIP_(NO_INDEX|FIND_LINKS|TRUSTED_HOST|CONFIG_FILE|KEYRING_PROVIDER)",
    "PIP_(CERT|CLIENT_CERT|PROXY|DEFAULT_TIMEOUT|RETRIES|CACHE_DIR)",
)
UV = (
    "UV_INDEX(_.+)?",
    "UV_(DEFAULT_INDEX|EXTRA_INDEX_URL|NO_INDEX|FIND_LINKS|KEYRING_PROVIDER|OFFLINE)",
    "UV_(NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST|CONFIG_FILE|CACHE_DIR|LINK_MODE)",
    "UV_HTTP_.+",
    "UV_(REQUEST_TIMEOUT|CONCURRENT_.+|PYTHON_INSTALL_DIR|PYTHON_DOWNLOADS)",
)
COMPILER = (
    "CC|CXX|CPP|LD|AR|RANLIB|STRIP|MAKE|MAKEFLAGS",
    "(C|CXX|CPP|LD|ARCH|RUST)FLAGS",
    "CPATH|(C|CPLUS)_INCLUDE_PATH|(LD_)?LIBRARY_PATH|PKG_CONFIG(_PATH)?",
    "SOURCE_DATE_EPOCH",
)
ALLOWED = re.compile("|".join((*SYSTEM, *FOLDERS, *NETWORK, *PIP, *UV, *COMPILER)))


def for_builds(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that builds may see: paths, index, proxies, compiler."""
    return {name: value for name, value in environment.items() if ALLOWED.fullmatch(name)}


def byte_code(cache: Path) -> dict[str, str]:
    """Variables for a process of the app: its byte code is kept in the cache, not in the project.

    Images and shells often set PYTHONDONTWRITEBYTECODE. Then each start would compile all modules,
    which takes several times as long as their import. Python reads an empty value as unset.
    """
    return {"PYTHONPYCACHEPREFIX": str(cache / BYTE_CODE), "PYTHONDONTWRITEBYTECODE": ""}
