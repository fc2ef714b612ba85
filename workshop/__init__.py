"""The workshop's one tool: `python3 -m workshop`."""
