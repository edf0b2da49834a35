"""wsgiref, the WSGI server of the standard library, as an arm of a race."""

from pathlib import Path

from whichworker.model import Command, Knob
from whichworker.servers.protocol import Adapter

SERVE = Path(__file__).parent / "serve.py"


class Simple(Adapter):
    """One process, one request at a time."""

    family, kind, interface = "wsgiref", "simple", "wsgi"
    title = "wsgiref, of the standard library"
    requirements = ()  # what is to be installed beside the app, the server itself first
    knobs = (Knob(name="backlog", help="connections that may wait to be accepted"),)

    def settings(self, cores):
        """A default for each knob, for a budget of so many cores."""
        return {"backlog": 128}

    def command(self, app, address, settings):
        """Run by the app's own interpreter, where no whichworker is installed: so by its path."""
        options = (
            "--host",
            address.host,
            "--port",
            str(address.port),
            "--backlog",
            str(settings["backlog"]),
            self.target(app),
        )
        return Command(
            argv=("python", str(SERVE), *options), deploy=("python", "serve.py", *options)
        )

    def in_flight_limit(self, settings):
        """How many requests are worked on at once."""
        return 1
