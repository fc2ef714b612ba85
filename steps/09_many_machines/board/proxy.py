"""What is believed of nginx, which alone can reach this process."""

from .guard import Handler


class BehindNginx(Handler):
    """Take from nginx who the browser is: without it everybody would have the same address."""

    def get_environ(self):
        environ = super().get_environ()
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", environ["REMOTE_ADDR"])
        return environ
