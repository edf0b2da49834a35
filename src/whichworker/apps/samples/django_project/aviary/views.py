"""Each workload twice: as a sync view and as an async one, with the same answer."""

from django.http import JsonResponse

from aviary.models import Bird

COUNT = 20
FIELDS = ("id", "name", "family", "wingspan_cm")


def constant():
    """A list that costs nothing but its serialisation."""
    return [{"id": number, "name": f"item {number}", "even": number % 2 == 0} for number in range(COUNT)]


def json_sync(request):
    return JsonResponse(constant(), safe=False)


async def json_async(request):
    return JsonResponse(constant(), safe=False)


def query_json_sync(request):
    birds = Bird.objects.filter(**request.GET.dict()).values(*FIELDS)
    return JsonResponse(list(birds), safe=False)


async def query_json_async(request):
    birds = Bird.objects.filter(**request.GET.dict()).values(*FIELDS)
    return JsonResponse([bird async for bird in birds], safe=False)
