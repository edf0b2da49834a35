"""The lists, and the way in: Django's own admin."""

from django.contrib import admin
from django.urls import path

from circus import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("clowncollege", views.clowncollege_sync),
    path("clowncollege-async", views.clowncollege_async),
    path("troupe", views.troupe_sync),
    path("troupe-async", views.troupe_async),
]
