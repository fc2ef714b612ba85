"""Stands in the way of the requests that the tests or the notebooks have installed."""

raise ImportError("a step does not have it")
