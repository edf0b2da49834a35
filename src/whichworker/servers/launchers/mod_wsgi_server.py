"""mod_wsgi-express with its configuration in the launch's temporary folder, not below /tmp."""

import os
import sys
import tempfile

if __name__ == "__main__":
    os.execvp(sys.argv[1], [*sys.argv[1:], "--server-root", tempfile.mkdtemp(prefix="mod_wsgi-")])
