"""What is logged: a line each, and some of it is counted."""

import logging

from prometheus_client import Counter

refused = Counter("board_refused", "Requests and messages that were refused")
let_go = Counter("board_let_go", "Browsers that were let go: they read nothing, or send nonsense")
errors = Counter("board_errors", "Errors in the log, by who logs them", ["logger"])


class OneLine(logging.Formatter):
    """Time, level, who says it, and what: a traceback too is one line, so that nothing is torn."""

    def __init__(self):
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record):
        return super().format(record).replace("\n", "\\n")


class Count(logging.Handler):
    """Count what board/guard.py and board/direct.py refuse, and all errors."""

    def emit(self, record):
        if record.levelno >= logging.ERROR:
            errors.labels(record.name).inc()
        elif record.name == "board.guard":
            (let_go if "let go" in record.msg else refused).inc()
