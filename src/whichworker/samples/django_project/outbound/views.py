"""The sync views."""

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render

from calls import blocking, page, parallel
from calls.upstream import one, three


def one_of(request):
    """The URL to call for a request; a number that the upstream lacks does not exist here."""
    try:
        return one(request.GET["country"], request.GET.get("delay"))
    except (KeyError, ValueError):
        raise Http404(request.get_full_path())


def three_of(request):
    """The three URLs that a request wants called."""
    try:
        return three(request.GET["countries"])
    except (KeyError, ValueError):
        raise Http404(request.get_full_path())


def respond_page(request, countries):
    return render(request, "aviary/countries.html", {"countries": countries})


def respond_compressed():
    response = HttpResponse(page.compressed(), content_type=page.CONTENT_TYPE)
    for name, value in page.HEADERS.items():
        response[name] = value
    return response


def calling(call):
    """A view that passes on what one call brings."""

    def view(request):
        return JsonResponse(call(one_of(request)))

    return view


def fanning(call):
    """A view that makes three calls and a page of their answers."""

    def view(request):
        return respond_page(request, call(three_of(request)))

    return view


def brotli(request):
    return respond_compressed()


requests = calling(blocking.by_requests)
requests_reused = calling(blocking.by_requests_reused)
httpx = calling(blocking.by_httpx)
httpx_reused = calling(blocking.by_httpx_reused)
fanout = fanning(parallel.by_threads)
fanout_reused = fanning(parallel.by_threads_reused)
