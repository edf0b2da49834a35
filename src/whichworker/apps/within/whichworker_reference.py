"""The app with audit hooks for outbound connections and SQLite files, for the reference run alone.

Needs WHICHWORKER_WRAPS, the app as module:attribute. A hook is used if its variable is set.
"""

import os
from importlib import import_module
from operator import attrgetter

for _name in ("outbound", "databases"):
    if "WHICHWORKER_" + _name.upper() in os.environ:
        import_module("whichworker_" + _name)
_module, _, _attribute = os.environ["WHICHWORKER_WRAPS"].partition(":")
application = attrgetter(_attribute)(import_module(_module))
