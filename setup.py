"""Build what is in C, or leave it out if there is no C compiler; pyproject.toml cannot."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

SOURCES = sorted(str(path) for path in Path("src/native").glob("*.c"))
HEADERS = sorted(str(path) for path in Path("src/native").glob("*.h"))
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion"]
WITHOUT = {
    "whichworker.load._native": "the native load engine was not built; "
    "the slower one in Python will be used",
    "whichworker.apps.within._clock": "the clock of reference runs was not built; "
    "they will not see pages at another time",
}
# For `make sanitize`; empty otherwise.
EXTRA = os.environ.get("WHICHWORKER_CFLAGS", "").split()


class BuildMaybe(build_ext):
    """Report what was left out; a compiler's error alone looks like a failed install."""

    def build_extension(self, ext: Extension) -> None:
        """Build it; raises what the compiler raised, which `optional` turns into a warning."""
        try:
            super().build_extension(ext)
        except Exception:
            sys.stderr.write(f"whichworker: {WITHOUT[ext.name]}\n")
            # One that an earlier build left would not be of these sources.
            Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
            raise


class TagByContent(bdist_wheel):
    """A wheel without anything in C fits every machine, and its name says so."""

    def run(self) -> None:
        """Build the extension first, then decide on the name."""
        self.run_command("build_ext")
        build = self.get_finalized_command("build_ext")
        if not any(Path(path).exists() for path in build.get_outputs()):
            self.distribution.ext_modules = []
            self.distribution.has_ext_modules = lambda: False
            self.root_is_pure = True
            self.py_limited_api = False
        super().run()


setup(
    ext_modules=[
        Extension(
            "whichworker.load._native",
            sources=SOURCES,
            depends=HEADERS,
            define_macros=[("Py_LIMITED_API", "0x030b0000"), ("_GNU_SOURCE", "1")],
            extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden", *WARNINGS, *EXTRA],
            extra_link_args=EXTRA,
            py_limited_api=True,
            optional=True,
        ),
        Extension(  # no module: a library for LD_PRELOAD
            "whichworker.apps.within._clock",
            sources=["src/preload/clock.c"],
            define_macros=[("_GNU_SOURCE", "1")],
            extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden", *WARNINGS],
            extra_link_args=["-ldl"],
            py_limited_api=True,
            optional=True,
        ),
    ],
    cmdclass={"build_ext": BuildMaybe, "bdist_wheel": TagByContent},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
