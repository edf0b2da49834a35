"""The normal form of a Python package's name."""

from __future__ import annotations

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def distribution(requirement: str) -> str:
    """The normalised distribution name of a requirement, a pin or a name."""
    return canonicalize_name(Requirement(requirement).name)
