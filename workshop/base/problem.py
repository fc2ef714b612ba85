"""What went wrong, as a sentence that says what to do."""


class Problem(Exception):
    """End the command with this sentence, and no traceback."""

    def __init__(self, sentence: str, code: int = 1):
        super().__init__(sentence)
        self.code = code
