"""Settings that gunicorn would choose by the installed packages, or open in HOME."""

http_parser = "python"
control_socket_disable = True
