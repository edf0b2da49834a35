"""mod_wsgi-express keeps its configuration in a folder below /tmp that outlives it: here it is below the launch's own temporary folder."""

import os
import sys
import tempfile

if __name__ == "__main__":
    os.execvp(sys.argv[1], [*sys.argv[1:], "--server-root", tempfile.mkdtemp(prefix="mod_wsgi-")])
