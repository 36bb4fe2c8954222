"""The one error that a user is meant to read: what was found where, what was expected, what to do."""

import re

LONGEST = 1500
"""Characters of a part of an error that are shown: a cell or a column's name can be of any length."""
QUOTED = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")(?!\w)")
"""What a reason quotes, as `repr` writes it: a cell of a table, say, whatever somebody wrote there."""


def kind_of(reason: str) -> str:
    """An exclusion reason without quotations, numbers, examples and what to do, for counting.

    Examples
    --------
    >>> kind_of("the brain has 250 ml, not 300 to 2200; check the mask")
    'the brain has n ml, not n to n'
    """
    plain = QUOTED.sub("something else", reason)
    return re.sub(r"\b\d+(?:\.\d+)?\b", "n", re.split(r" \(|; |: ", plain)[0])


class InputError(ValueError):
    """Bad input from outside: a configuration value, a folder, a table, a scan or a weights file.

    Parameters
    ----------
    where : str
        The file and, where there is one, the key or row, e.g. ``"config/demo.yaml: training.steps"``.
    found : str
        What stands there.
    expected : str
        What would have been accepted.
    remedy : str
        What the user can do about it.
    """

    def __init__(self, where: str, found: str, expected: str, remedy: str):
        super().__init__(where, found, expected, remedy)
        self.where, self.found, self.expected, self.remedy = where, found, expected, remedy

    def __str__(self) -> str:
        where, found, expected, remedy = map(_shortened, (self.where, self.found, self.expected, self.remedy))
        return f"{where}\n  found:    {found}\n  expected: {expected}\n  to do:    {remedy}"


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 300]} [... {len(text) - LONGEST:,} characters more ...] {text[-300:]}"
