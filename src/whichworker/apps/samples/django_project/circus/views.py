"""Each list twice: from a sync view and from an async one, with the same answer."""

from django.http import JsonResponse

from circus.models import ClownCollege, Troupe

COLLEGE = ("id", "name", "city")
TROUPE = ("id", "name", "members", "college__name")


def refuse():
    return JsonResponse({"detail": "log in first"}, status=403)


def listed(rows):
    return JsonResponse({"results": rows, "count": len(rows), "next": None})


def clowncollege_sync(request):
    return listed(list(ClownCollege.objects.values(*COLLEGE))) if request.user.is_authenticated else refuse()


async def clowncollege_async(request):
    user = await request.auser()
    return listed([row async for row in ClownCollege.objects.values(*COLLEGE)]) if user.is_authenticated else refuse()


def troupe_sync(request):
    return listed(list(Troupe.objects.values(*TROUPE))) if request.user.is_authenticated else refuse()


async def troupe_async(request):
    user = await request.auser()
    return listed([row async for row in Troupe.objects.values(*TROUPE)]) if user.is_authenticated else refuse()
