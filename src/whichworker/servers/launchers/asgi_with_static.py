"""An ASGI app with Django's static files in front."""

import os
from importlib import import_module
from operator import attrgetter
from typing import Any

_module, _, _attribute = os.environ["WHICHWORKER_TARGET"].partition(":")
_app: Any = attrgetter(_attribute)(import_module(_module))
application: Any = import_module("django.contrib.staticfiles.handlers").ASGIStaticFilesHandler(_app)
