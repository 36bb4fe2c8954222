"""How the report's contents become outputs of rules and targets of the report."""

from neuroquant.report.contents import TABLES, contents_of, entry

CONTENTS = contents_of(EXPERIMENT)


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


def targets_of(one):
    """Paths of an entry of the report; of an external cohort there are test shards alone."""
    every = {"table": tuple(TABLES), "cohort": COHORTS, "shard": SHOWN_SHARDS}
    if one.name != "montage":
        return one.targets(every)
    tested = {"cohort": EXTERNAL_COHORTS, "shard": SHOWN_TEST_SHARDS}
    return one.targets(every | {"cohort": TRAINING_COHORTS}) + one.targets(tested)
