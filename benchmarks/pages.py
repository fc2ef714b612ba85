"""Get a page ten times a second, for some seconds, and print how long each took, in ns.

A process of its own, so that it does not wait for its turn among the browsers of load.py.
"""

import http.client
import json
import sys
import time

port, seconds = int(sys.argv[1]), float(sys.argv[2])
times, begin = [], time.perf_counter()
while not times or time.perf_counter() < begin + seconds:
    time.sleep(max(0, begin + len(times) / 10 - time.perf_counter()))
    began = time.perf_counter_ns()
    page = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    page.request("GET", "/", headers={"Connection": "close"})
    answer = page.getresponse()
    answer.read()
    if answer.status != 200:
        sys.exit(f"the page: {answer.status} {answer.reason}")
    page.close()
    times.append(time.perf_counter_ns() - began)
print(json.dumps(times))
