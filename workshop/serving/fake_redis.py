"""Serve the Redis protocol with fakeredis: where there is no embedded Valkey, on Windows."""

import sys

from fakeredis import TcpFakeServer

if __name__ == "__main__":
    TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="valkey").serve_forever()
