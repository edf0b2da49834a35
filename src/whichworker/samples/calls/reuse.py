"""What is made once and used by every request: one for each process, or one for each event loop."""

import asyncio
import os
import threading
import weakref


class PerProcess:
    """Made at its first use, after the fork: a child cannot share sockets and threads."""

    def __init__(self, make):
        self._make, self._lock = make, threading.Lock()
        self._owner, self._made = None, None

    def __call__(self):
        if self._owner != os.getpid():
            with self._lock:
                if self._owner != os.getpid():
                    self._made = self._make()
                    self._owner = os.getpid()
        return self._made


class PerLoop:
    """Made at its first use in a running loop: connections belong to the loop that opened them.

    Only for loops that last. Django under WSGI runs each async view in a new loop: nothing there
    can be reused.
    """

    def __init__(self, make):
        self._make, self._made = make, weakref.WeakKeyDictionary()

    def __call__(self):
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            self._made[loop] = self._make()
        return self._made[loop]
