"""Which settings of the experiment each rule declares, from the text of the rules."""

import re

from tests.workflow.run import ROOT

RULES = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))


def declared() -> dict[str, tuple[str, ...]]:
    """Rule -> settings of the experiment that its job gets."""
    rules = re.split(r"^(?:rule|checkpoint) (\w+):$", RULES, flags=re.MULTILINE)
    calls = {
        name: re.search(r"experiment=settings\((.*?)\),\n", body, re.DOTALL)
        for name, body in zip(rules[1::2], rules[2::2], strict=True)
    }
    return {name: tuple(re.findall(r'"([\w.]+)"', call[1])) for name, call in calls.items() if call}
