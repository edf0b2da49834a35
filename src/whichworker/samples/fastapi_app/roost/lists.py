"""The lists of the circus by SQLAlchemy, from a thread and with asyncio."""

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from roost.databases import async_sessions, sessions
from roost.tables import ClownCollege, Troupe

router = APIRouter()
COLLEGES = select(ClownCollege).order_by(ClownCollege.id)
TROUPES = select(Troupe).options(joinedload(Troupe.college)).order_by(Troupe.id)


def college(row):
    return {"id": row.id, "name": row.name, "city": row.city}


def troupe(row):
    college = row.college.name
    return {"id": row.id, "name": row.name, "members": row.members, "college__name": college}


def listed(rows):
    return {"results": rows, "count": len(rows), "next": None}


def found(query, row):
    with sessions()() as session:
        return listed([row(each) for each in session.scalars(query)])


async def found_async(query, row):
    async with async_sessions()() as session:
        return listed([row(each) for each in await session.scalars(query)])


@router.get("/open/clowncollege")
def clowncollege_list():
    return found(COLLEGES, college)


@router.get("/open-async/clowncollege")
async def clowncollege_list_async():
    return await found_async(COLLEGES, college)


@router.get("/open/troupe")
def troupe_list():
    return found(TROUPES, troupe)


@router.get("/open-async/troupe")
async def troupe_list_async():
    return await found_async(TROUPES, troupe)
