"""A Django project in one module, whose webhook views say what they saw: `wsgi` and `asgi` serve it."""

import hashlib
import os

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def seen(body: bytes) -> dict[str, object]:
    return {"pid": os.getpid(), "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@csrf_exempt
def github(request: HttpRequest) -> JsonResponse:
    return JsonResponse(seen(request.body))


async def github_async(request: HttpRequest) -> JsonResponse:
    return JsonResponse(seen(request.body))


# As an attribute: before Django 5.0, its decorator makes a sync function of a coroutine function.
github_async.csrf_exempt = True


@csrf_exempt
def upload(request: HttpRequest) -> JsonResponse:
    report = request.FILES["report"]
    return JsonResponse({**seen(report.read()), "title": request.POST["title"], "filename": report.name})


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"pid": os.getpid()})


urlpatterns = [
    path("webhooks/github", github),
    path("webhooks/async", github_async),
    path("webhooks/upload", upload),
    path("plain", github),
    path("healthz", healthz),
]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
