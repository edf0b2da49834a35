"""Pages from the Django project's own templates: what they use means the same in Jinja."""

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from roost import PROJECT

templates = Environment(
    loader=FileSystemLoader(PROJECT / "aviary/templates/aviary"),
    autoescape=True,
    keep_trailing_newline=True,
    auto_reload=False,
)


def render(name, **context):
    return HTMLResponse(templates.get_template(name).render(**context))
