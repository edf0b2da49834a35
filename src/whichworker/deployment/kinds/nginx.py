"""A server block for nginx as the proxy: https://nginx.org/en/docs/http/ngx_http_proxy_module.html"""

from __future__ import annotations

from whichworker.deployment.kinds import quoting
from whichworker.deployment.kinds.parts import PORT, heading
from whichworker.model.deployments import Deployment, Emitted


def write(what: Deployment) -> list[Emitted]:
    """PROJECT.nginx.conf, for an include in the http block."""
    static = ""
    if what.static is not None:
        url, root = what.static
        static = f"""
    # static files never reach the app
    location {quoting.nginx(url)} {{
        alias {quoting.nginx(f"{root.rstrip('/')}/")};
        expires 1h;
    }}
"""
    name = "whichworker_" + "".join(
        letter if letter.isascii() and letter.isalnum() else "_" for letter in what.project
    )
    text = f"""{heading(what)}upstream {name} {{
    server 127.0.0.1:{PORT};
    # keep connections to the server open, as in the race
    keepalive 16;
}}

server {{
    listen 80;
    server_name {quoting.nginx(what.host)};
    # nginx buffers slow clients, so that they block no worker
    client_body_buffer_size 128k;
{static}
    location / {{
        proxy_pass http://{name};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }}
}}
"""
    return [Emitted(name=f"{what.project}.nginx.conf", text=text, kind="nginx")]
