"""What gunicorn would choose by what is installed, or open in HOME."""

http_parser = "python"
control_socket_disable = True
