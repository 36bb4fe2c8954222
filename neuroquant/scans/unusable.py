"""The one exception for a scan that can't be used."""


class Unusable(Exception):
    """Why a scan can't be used, in words, and the file at fault where it isn't clear from the call."""

    def __init__(self, reason: str, file: str = ""):
        super().__init__(reason)
        self.reason, self.file = reason, file
