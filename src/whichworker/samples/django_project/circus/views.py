"""Each list for who has logged in, and for everybody."""

from django.http import JsonResponse

from circus.models import ClownCollege, Troupe

COLLEGE = ("id", "name", "city")
TROUPE = ("id", "name", "members", "college__name")


def refuse():
    return JsonResponse({"detail": "log in first"}, status=403)


def listed(rows):
    return JsonResponse({"results": rows, "count": len(rows), "next": None})


def colleges():
    return ClownCollege.objects.values(*COLLEGE)


def troupes():
    return Troupe.objects.values(*TROUPE)


def clowncollege(request):
    return listed(list(colleges())) if request.user.is_authenticated else refuse()


def troupe(request):
    return listed(list(troupes())) if request.user.is_authenticated else refuse()


def open_clowncollege(request):
    return listed(list(colleges()))


def open_troupe(request):
    return listed(list(troupes()))
