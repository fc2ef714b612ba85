"""The QR code of an address, for the cameras of phones."""

import io


def code(url: str):
    """Return the code of an address."""
    import segno

    return segno.make(url, micro=False)


def show(url: str) -> None:
    """Print it in the terminal."""
    code(url).terminal(compact=True, border=2)


def svg(url: str) -> bytes:
    """Return it as a picture: dark on light, also on a dark page."""
    picture = io.BytesIO()
    code(url).save(picture, kind="svg", border=3, light="#fff", omitsize=True)
    return picture.getvalue()


def data(url: str) -> str:
    """Return this picture as an address that has all of it."""
    return code(url).svg_data_uri(border=3, light="#fff", omitsize=True)
