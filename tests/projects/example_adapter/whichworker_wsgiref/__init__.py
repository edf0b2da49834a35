"""wsgiref, the WSGI server of the standard library, as an arm of a race."""

from pathlib import Path

from whichworker.model import Command, Knob
from whichworker.servers.protocol import Adapter

SERVE = Path(__file__).parent / "serve.py"


class Simple(Adapter):
    """One process, one request at a time."""

    family, kind, interface = "wsgiref", "simple", "wsgi"
    title = "wsgiref, of the standard library"
    requirements = ()  # the packages to install, the server first
    knobs = (Knob(name="backlog", help="connections that may wait to be accepted"),)

    def settings(self, cores):  # the default of each knob, for this number of cores
        return {"backlog": 128}

    def command(self, app, address, settings):
        """The app's own interpreter runs the script; whichworker is not installed there."""
        place = ("--host", address.host, "--port", str(address.port))
        given = (*place, "--backlog", str(settings["backlog"]), self.target(app))
        return Command(argv=("python", str(SERVE), *given), deploy=("python", "serve.py", *given))

    def in_flight_limit(self, settings):  # requests that are handled at the same time
        return 1
