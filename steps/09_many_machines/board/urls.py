"""Which view answers which URL."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from notices import views

urlpatterns = [
    path("", views.board, name="board"),
    path("slow/", views.slow),
    path("login/", LoginView.as_view(template_name="notices/login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
