"""The lists of the circus by Tortoise ORM, over the tables that SQLAlchemy made."""

import asyncio

from fastapi import APIRouter
from tortoise import Tortoise, fields
from tortoise.models import Model

from roost.databases import FILE, postgres
from roost.lists import listed

router = APIRouter()


class ClownCollege(Model):
    """Where one learns it."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(60, unique=True)
    city = fields.CharField(40)

    class Meta:
        table = "roost_clowncollege"
        ordering = ["id"]


class Troupe(Model):
    """Who travels together."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(60, unique=True)
    members = fields.IntField()
    college = fields.ForeignKeyField("roost.ClownCollege")

    class Meta:
        table = "roost_troupe"
        ordering = ["id"]


def connection():
    """Tortoise's own way of naming the database."""
    found = postgres()
    if found is None:
        return {"engine": "tortoise.backends.sqlite", "credentials": {"file_path": str(FILE)}}
    credentials = {**found, "minsize": 2, "maxsize": 20}
    return {"engine": "tortoise.backends.psycopg", "credentials": credentials}


class Ready:
    """Connects at the first request: not every server announces its start (daphne does not)."""

    def __init__(self):
        self._started = None

    async def __call__(self):
        if self._started is None:
            apps = {"roost": {"models": [__name__]}}
            config = {"connections": {"default": connection()}, "apps": apps}
            starting = Tortoise.init(config=config, _enable_global_fallback=True)
            self._started = asyncio.ensure_future(starting)
        await asyncio.shield(self._started)


ready = Ready()


@router.get("/open-tortoise/clowncollege")
async def clowncollege_list():
    await ready()
    return listed(await ClownCollege.all().values("id", "name", "city"))


@router.get("/open-tortoise/troupe")
async def troupe_list():
    await ready()
    return listed(await Troupe.all().values("id", "name", "members", college__name="college__name"))
