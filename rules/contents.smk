"""How the report's contents become outputs of rules and targets of the report."""

from neuroquant.report.contents import CONTENTS, TABLES, entry


def reported(name, **known):
    """Kind -> output of an entry of the report's contents, with its place in the report's menu where it has one.

    `known` are values of wildcards that the rule writes out.
    """
    one = entry(name).at(**known)
    outputs = {kind: RESULTS / path for kind, path in one.outputs.items()}
    menu = {
        kind: report(outputs[kind], caption=CAPTIONS / one.caption, **one.menu(kind))
        for kind in one.kinds
    }
    return outputs | menu
