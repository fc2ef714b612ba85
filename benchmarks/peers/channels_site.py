"""Django Channels, a site in one file: uvicorn channels_site:application, or daphne."""

import os
from pathlib import Path

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [os.environ.get("REDIS_URL")]},
        }
    },
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402  (needs the settings)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402


class Notices(AsyncWebsocketConsumer):
    """A browser: whatever is sent to the group `notices` is told to it."""

    groups = ["notices"]

    async def notice(self, event):
        """Tell this browser."""
        await self.send(event["text"])


PAGE = Path("page.html").read_text()
urlpatterns = [path("", lambda request: HttpResponse(PAGE))]
websockets = URLRouter([path("notices/", Notices.as_asgi())])
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": AllowedHostsOriginValidator(websockets)}
)
