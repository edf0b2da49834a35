"""The memory for the responses of one load that are not complete yet."""

from __future__ import annotations

RESPONSE_BYTES = 512 * 1024 * 1024
"""512 MiB for all connections of a load: eight bodies of the largest size that is read, or 8 KiB
for each of 65,000 connections. A machine that can serve and load has that much to spare."""


class Allowance:
    """Bytes that may still be taken; all connections of a load share one.

    Raises MemoryError, so that no memory of the load and none of this machine look the same.
    """

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """Take `size` bytes, which are given back if it is negative; raises MemoryError."""
        if size > self.left:
            raise MemoryError
        self.left -= size
