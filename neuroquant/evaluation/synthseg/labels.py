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
REGIONS = {"cerebellum_cortex": (8, 47), "caudate": (11, 50)}
"""The regions of figure 4."""


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


def flipped(labels: tuple[int, ...]) -> list[int]:
    """Channel of each label's counterpart on the other side."""
    other = {**SIDES, **{right: left for left, right in SIDES.items()}}
    return [labels.index(other.get(label, label)) for label in labels]
