"""The filtered query over thirty birds, as JSON and as a table."""

from fastapi import APIRouter, Request
from sqlalchemy import select

from roost.databases import async_sessions, sessions
from roost.pages import render
from roost.tables import Bird

router = APIRouter()


def query(request):
    """The birds a query asks for; names that are no column are refused by SQLAlchemy."""
    return select(Bird).filter_by(**request.query_params).order_by(Bird.id)


def row(bird):
    return {
        "id": bird.id,
        "name": bird.name,
        "family": bird.family,
        "wingspan_cm": bird.wingspan_cm,
    }


def found(request):
    with sessions()() as session:
        return [row(bird) for bird in session.scalars(query(request))]


async def found_async(request):
    async with async_sessions()() as session:
        return [row(bird) for bird in await session.scalars(query(request))]


@router.get("/query-json")
def query_json(request: Request):
    return found(request)


@router.get("/query-json-async")
async def query_json_async(request: Request):
    return await found_async(request)


@router.get("/query-html")
def query_html(request: Request):
    return render("birds.html", birds=found(request))


@router.get("/query-html-async")
async def query_html_async(request: Request):
    return render("birds.html", birds=await found_async(request))
