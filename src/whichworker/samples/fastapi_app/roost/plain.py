"""Routes that ask nobody: a constant list, and sleeps in place of an upstream and of a cache."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path

COUNT = 20  # items, as in the Django project
HIT_SECONDS, SET_SECONDS = 0.02, 0.2  # as in the Django project
Seconds = Annotated[float, Path(ge=0, le=30, allow_inf_nan=False)]

router = APIRouter()


def constant():
    """A list that costs nothing but its serialisation."""
    return [
        {"id": number, "name": f"item {number}", "even": number % 2 == 0}
        for number in range(COUNT)
    ]


@router.get("/json")
def json_list():
    return constant()


@router.get("/json-async")
async def json_list_async():
    return constant()


@router.get("/gateway/{seconds}")
def gateway(seconds: Seconds):
    time.sleep(seconds)
    return {"slept": seconds}


@router.get("/gateway-async/{seconds}")
async def gateway_async(seconds: Seconds):
    await asyncio.sleep(seconds)
    return {"slept": seconds}


@router.get("/cache-hit")
def cache_hit():
    time.sleep(HIT_SECONDS)
    return {"cache": "hit"}


@router.get("/cache-hit-async")
async def cache_hit_async():
    await asyncio.sleep(HIT_SECONDS)
    return {"cache": "hit"}


@router.get("/cache-set")
def cache_set():
    time.sleep(SET_SECONDS)
    return {"cache": "set"}


@router.get("/cache-set-async")
async def cache_set_async():
    await asyncio.sleep(SET_SECONDS)
    return {"cache": "set"}
