"""Where the providers call."""

from django.urls import path

from . import views

urlpatterns = [
    path("webhooks/svix", views.identity),
    path("webhooks/github", views.github),
]
