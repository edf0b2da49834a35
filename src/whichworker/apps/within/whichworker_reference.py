"""The app itself, imported where what leaves this machine is noted: the reference run is served through it, and nothing else.

Needs WHICHWORKER_WRAPS, the app as module:attribute, beside what `whichworker_outbound` needs.
"""

import os
from importlib import import_module
from operator import attrgetter

import_module("whichworker_outbound")
_module, _, _attribute = os.environ["WHICHWORKER_WRAPS"].partition(":")
application = attrgetter(_attribute)(import_module(_module))
