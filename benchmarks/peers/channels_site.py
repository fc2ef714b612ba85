"""Django Channels, a site in one file: uvicorn channels_site:application, or daphne."""

import asyncio
import json
import os
from pathlib import Path

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

ROOT = Path(__file__).resolve().parents[2]
STEP = ROOT / "steps" / "07_fast_fan_out" / "notices" / "static"
CLIENT = ROOT / "node_modules" / "socket.io-client" / "dist"

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.staticfiles"],
    STATIC_URL="static/",
    STATICFILES_DIRS=[STEP, ("socket.io", CLIENT)],
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
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler  # noqa: E402


class Notices(AsyncWebsocketConsumer):
    """A browser: whatever is sent to the group `notices` is told to it."""

    groups = ["notices"]

    async def notice(self, event):
        """Tell this browser."""
        await self.send(event["text"])


class Board(Notices):
    """A browser that is told how many are here as well."""

    groups = ["notices", "presence"]
    here = 0
    telling = None  # the task that will tell it, where it is told once a second

    async def connect(self):
        """Count a browser in."""
        await self.accept()
        await self.count(1)

    async def disconnect(self, code):
        """Count a browser out."""
        await self.count(-1)

    async def count(self, change):
        """Tell everybody, now or in a second together with whoever else comes and goes."""
        Board.here += change
        if os.environ.get("PRESENCE") != "second":
            await tell()
        elif Board.telling is None:
            Board.telling = asyncio.create_task(tell_soon())

    async def presence(self, event):
        """Tell this browser."""
        await self.send(json.dumps({"count": event["count"]}))


async def tell():
    """Tell every browser how many are here."""
    event = {"type": "presence", "count": Board.here}
    await get_channel_layer().group_send("presence", event)


async def tell_soon():
    """Tell it in a second."""
    await asyncio.sleep(1)
    Board.telling = None
    await tell()


PAGE = Path("page.html").read_text()
urlpatterns = [path("", lambda request: HttpResponse(PAGE))]
websockets = URLRouter([path("notices/", Notices.as_asgi()), path("board/", Board.as_asgi())])
application = ProtocolTypeRouter(
    {
        "http": ASGIStaticFilesHandler(get_asgi_application()),
        "websocket": AllowedHostsOriginValidator(websockets),
    }
)
