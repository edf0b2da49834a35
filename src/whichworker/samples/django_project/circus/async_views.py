"""The same lists from async views."""

from asgiref.sync import sync_to_async

from aviary.async_views import rows_of
from circus.views import colleges, listed, refuse, troupes


async def is_known(request):
    """Whether a user has logged in; before Django 5.0 only a thread can read the session."""
    if hasattr(request, "auser"):
        return (await request.auser()).is_authenticated
    return await sync_to_async(lambda: request.user.is_authenticated, thread_sensitive=True)()


async def clowncollege(request):
    return listed(await rows_of(colleges())) if await is_known(request) else refuse()


async def troupe(request):
    return listed(await rows_of(troupes())) if await is_known(request) else refuse()


async def open_clowncollege(request):
    return listed(await rows_of(colleges()))


async def open_troupe(request):
    return listed(await rows_of(troupes()))
