"""The same mistakes in Django, async and sync, in one file. `uvicorn django_app:app` in this directory."""

from __future__ import annotations

import json
import logging
import os

import django
from business import (
    SUPPORTED,
    PaymentDeclined,
    charge_customer,
    discount,
    record_payment,
    refund,
    refund_later,
)
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from outworx_otel import instrument, webhook

logger = logging.getLogger(__name__)

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "of no use here"),
    )
    django.setup()
instrument()
monitored = webhook("stripe", require_processing_mark=True)


@csrf_exempt
@monitored
async def early_return(request: HttpRequest) -> JsonResponse:
    event = json.loads(request.body)
    if event["type"] != SUPPORTED:
        return JsonResponse({"received": True})  # drop: django async early return
    charge_customer(event["data"]["object"])
    request.outworx_track.processed()
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
async def swallowed_exception(request: HttpRequest) -> JsonResponse:
    event = json.loads(request.body)
    try:
        charge_customer(event["data"]["object"])
        request.outworx_track.processed()
    except Exception:  # noqa: BLE001  # drop: django async swallowed exception
        logger.warning("payment failed")
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
async def missing_await(request: HttpRequest) -> JsonResponse:
    event = json.loads(request.body)
    record_payment(event["data"]["object"], request.outworx_track)  # drop: django async missing await
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
async def in_an_awaited_helper(request: HttpRequest) -> JsonResponse:
    await refund_later(json.loads(request.body)["data"]["object"], request.outworx_track)
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
async def correct(request: HttpRequest) -> JsonResponse:
    payment = json.loads(request.body)["data"]["object"]
    payment["amount"] -= discount(payment)
    try:
        await record_payment(payment, request.outworx_track)
    except PaymentDeclined as declined:
        request.outworx_track.failed(f"declined: {declined}")
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
def sync_early_return(request: HttpRequest) -> JsonResponse:
    event = json.loads(request.body)
    if event["type"] != SUPPORTED:
        return JsonResponse({"received": True})  # drop: django sync early return
    charge_customer(event["data"]["object"])
    request.outworx_track.processed()
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
def sync_swallowed_exception(request: HttpRequest) -> JsonResponse:
    try:
        charge_customer(json.loads(request.body)["data"]["object"])
    except PaymentDeclined:  # drop: django sync swallowed exception
        return JsonResponse({"received": True})
    request.outworx_track.processed()
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
def sync_missing_await(request: HttpRequest) -> JsonResponse:
    event = json.loads(request.body)
    record_payment(event["data"]["object"], request.outworx_track)  # drop: django sync missing await
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
def in_a_helper(request: HttpRequest) -> JsonResponse:
    refund(json.loads(request.body)["data"]["object"], request.outworx_track)
    return JsonResponse({"received": True})


@csrf_exempt
@monitored
def sync_correct(request: HttpRequest) -> JsonResponse:
    payment = json.loads(request.body)["data"]["object"]
    payment["amount"] -= discount(payment)
    try:
        charge_customer(payment)
    except PaymentDeclined as declined:
        request.outworx_track.failed(f"declined: {declined}")
    else:
        request.outworx_track.processed()
    return JsonResponse({"received": True})


@method_decorator(csrf_exempt, name="dispatch")
class Payments(View):
    """A view class."""

    @monitored
    def post(self, request: HttpRequest) -> JsonResponse:
        event = json.loads(request.body)
        if event["type"] != SUPPORTED:
            return JsonResponse({"received": True})  # drop: django class early return
        charge_customer(event["data"]["object"])
        request.outworx_track.processed()
        return JsonResponse({"received": True})


urlpatterns = [
    path("async/early-return", early_return),
    path("async/swallowed-exception", swallowed_exception),
    path("async/missing-await", missing_await),
    path("async/helper", in_an_awaited_helper),
    path("async/correct", correct),
    path("sync/early-return", sync_early_return),
    path("sync/swallowed-exception", sync_swallowed_exception),
    path("sync/missing-await", sync_missing_await),
    path("sync/helper", in_a_helper),
    path("sync/correct", sync_correct),
    path("class/early-return", Payments.as_view()),
]

app = get_asgi_application()
