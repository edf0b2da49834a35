"""The app with the audit hook for outbound connections, for the reference run alone.

Needs WHICHWORKER_WRAPS, the app as module:attribute, and the variables of `whichworker_outbound`.
"""

import os
from importlib import import_module
from operator import attrgetter

import_module("whichworker_outbound")
_module, _, _attribute = os.environ["WHICHWORKER_WRAPS"].partition(":")
application = attrgetter(_attribute)(import_module(_module))
