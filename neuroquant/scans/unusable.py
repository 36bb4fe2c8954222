"""The one exception for a scan that can't be used."""


class Unusable(Exception):
    """Why a scan can't be used, in words, and the file at fault where it isn't clear from the call.

    `step` names the step of preprocessing that says so; empty before that.
    """

    def __init__(self, reason: str, file: str = ""):
        super().__init__(reason)
        self.reason, self.file, self.step = reason, file, ""
