"""The app with audit hooks for outbound connections and SQLite files, for the reference run alone.

Needs WHICHWORKER_WRAPS, the app as module:attribute, and the variables of both hooks.
"""

import os
from importlib import import_module
from operator import attrgetter

import_module("whichworker_outbound")
import_module("whichworker_databases")
_module, _, _attribute = os.environ["WHICHWORKER_WRAPS"].partition(":")
application = attrgetter(_attribute)(import_module(_module))
