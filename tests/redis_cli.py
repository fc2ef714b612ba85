"""What stands for redis-cli where there is none: python redis_cli.py -p PORT COMMAND …"""

import sys

import redis

_, _, port, *command = sys.argv
print(redis.Redis(port=int(port), decode_responses=True).execute_command(*command))
