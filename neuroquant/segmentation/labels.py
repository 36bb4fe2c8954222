"""FreeSurfer labels: their names, their sides, and the regions that figure 4 shows."""

SIDES = {2: 41, 3: 42, 4: 43, 5: 44, 7: 46, 8: 47, 10: 49, 11: 50, 12: 51, 13: 52, 17: 53, 18: 54, 26: 58, 28: 60}
"""Left label -> right label."""
MIDLINE = (14, 15, 16)
FLUID = 24
PARTS = {
    2: "cerebral white matter", 3: "cerebral cortex", 4: "lateral ventricle", 5: "inferior lateral ventricle",
    7: "cerebellum white matter", 8: "cerebellum cortex", 10: "thalamus", 11: "caudate", 12: "putamen", 13: "pallidum",
    17: "hippocampus", 18: "amygdala", 26: "accumbens area", 28: "ventral DC", 14: "third ventricle",
    15: "fourth ventricle", 16: "brain stem", 24: "CSF",
}  # fmt: skip
GROUPS = {
    "cortical": (3, 42, 8, 47),
    "subcortical": (10, 49, 11, 50, 12, 51, 13, 52, 17, 53, 18, 54, 26, 58, 28, 60, 16),
    "ventricles": (4, 43, 5, 44, 14, 15),
    "white matter": (2, 41, 7, 46),
}
"""Groups whose mean Dice is reported beside the mean over all: cortices (cerebrum and cerebellum), deep grey matter and
brain stem, ventricles, white matter."""
REGIONS = {"cerebellum_cortex": (8, 47), "caudate": (11, 50)}
"""The regions of figure 4."""


TOPOLOGY = ((2, 3, 4, 5), (7, 8), (41, 42, 43, 44), (46, 47))
"""Structures of which the clean-up keeps one piece together; all others, except background and CSF, one piece each."""
UPSTREAM_NAMES = {"3rd ventricle": 14, "4th ventricle": 15, "brain-stem": 16, "csf": 24}
"""Names in SynthSeg's tables of volumes that differ from ours."""


def topological_classes(labels: tuple[int, ...]) -> list[list[int]]:
    """Channels of each class of SynthSeg's clean-up; background and CSF are in none."""
    apart = [(label,) for label in labels if label not in (0, FLUID) and not any(label in c for c in TOPOLOGY)]
    classes = [[labels.index(label) for label in group if label in labels] for group in (*TOPOLOGY, *apart)]
    return [group for group in classes if group]


def official(version: str) -> tuple[int, ...]:
    """Labels of the network's channels, in order: sorted, 32 of them in version 1.0; 2.0 adds CSF."""
    labels = {0, *SIDES, *SIDES.values(), *MIDLINE}
    return tuple(sorted(labels | {FLUID} if version == "2.0" else labels))


def name_of(label: int) -> str:
    """A structure's name, with its side."""
    if label in SIDES:
        return f"left {PARTS[label]}"
    for left, right in SIDES.items():
        if label == right:
            return f"right {PARTS[left]}"
    return PARTS.get(label, f"label {label}")


def label_of(name: str) -> int | None:
    """The label that SynthSeg's tables of volumes call by that name; None for a total."""
    known = UPSTREAM_NAMES | {name_of(label): label for label in official("2.0")}
    return known.get(name.strip().lower(), known.get(name.strip()))


def counterpart(label: int) -> int:
    """The same structure on the other side; the label itself where it has no side."""
    return {**SIDES, **{right: left for left, right in SIDES.items()}}.get(label, label)


def both_sides(labels: set[int]) -> tuple[int, ...]:
    """Labels and their counterparts, sorted: a structure that is missing on one side has a channel all the same."""
    return tuple(sorted(labels | set(map(counterpart, labels))))


def flipped(labels: tuple[int, ...]) -> list[int]:
    """Channel of each label's counterpart on the other side; its own where weights have no channel for that."""
    return [labels.index(counterpart(label) if counterpart(label) in labels else label) for label in labels]
