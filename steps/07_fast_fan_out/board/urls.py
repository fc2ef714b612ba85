"""Which view answers which URL."""

from django.contrib import admin
from django.urls import path

from notices import views

urlpatterns = [
    path("", views.board, name="board"),
    path("slow/", views.slow),
    path("admin/", admin.site.urls),
]
