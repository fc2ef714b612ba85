"""A file of one's own that is named as the library: it imports itself."""

from together import CURED, start

PROGRAM = """
import socketio

sio = socketio.Server(async_mode="threading")
print("A server:", type(sio).__module__)
"""
name = "socketio.py"
if CURED:
    name = "serve.py"  # any other name; a socketio.pyc or a folder socketio/ must not be left
start({name: PROGRAM}, name).wait()
