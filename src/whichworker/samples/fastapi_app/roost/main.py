"""The ASGI callable."""

import os

from fastapi import FastAPI

from roost import birds, lists, plain, real_cache

application = FastAPI(title="roost")
for part in (plain, birds, lists, real_cache):
    application.include_router(part.router)
if os.environ.get("WHICHWORKER_EXTRAS"):  # what needs packages that a plain race does without
    from roost import by_tortoise, outbound

    application.include_router(by_tortoise.router)
    application.include_router(outbound.router)
