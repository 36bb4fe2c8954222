"""Who trains, who validates, who is tested: by family, decided by a seeded hash.

By default the hash alone decides, which never looks at anyone else. Exact shares need a look at everyone.
"""

import hashlib
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.proof import SPLITS, check_apart
from neuroquant.cohorts.reading import read_table
from neuroquant.config.volume import Split
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.tables import family_of

COLUMNS = ["subject", "family", "sex", "split"]
SEEDS_TRIED = 1000


def unit_hash(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone.

    Examples
    --------
    >>> round(unit_hash(0, "study", "sub-01"), 4)
    0.7969
    """
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_subjects(sessions: pd.DataFrame, split: Split, cohort: str) -> pd.DataFrame:
    """Subjects with their split (columns subject, family, sex, split), sorted by subject.

    A family goes where its hash falls among the fractions, so a new subject moves nobody, and each sex gets the same
    fractions in expectation. With `split.method: exact`, or counts for this cohort, each sex gets its share to one
    subject instead. With `split.file` the published split is followed.

    Raises
    ------
    InputError
        If there are fewer subjects than splits; if a split with a fraction lacks subjects, or a sex of which the cohort
        has one for each split; if counts don't add up to the cohort; or if the published split leaves somebody out.
    """
    people = sessions[COLUMNS[:3]].drop_duplicates("subject").sort_values("subject", ignore_index=True)
    wanted = [] if split.file else [name for name, share in shares(split, cohort).items() if share > 0]
    if len(people) < len(wanted):
        raise InputError(
            f"cohort {cohort}",
            f"{len(people)} usable subjects",
            f"at least {len(wanted)}, one per split",
            "look at index/excluded.tsv for who was left out, or set a fraction of `split` to 0",
        )
    people["split"] = _published(people, split, cohort) if split.file else _decided(people, split, cohort, split.seed)
    missing = _missing(people["sex"], people["split"], wanted)
    if missing:
        raise InputError(
            f"cohort {cohort}: split.seed",
            f"seed {split.seed} leaves {' and '.join(missing)}",
            "both sexes (as far as the cohort has enough of them) in every split that has a fraction",
            _seed_that_fits(people, split, cohort, wanted),
        )
    return people[COLUMNS]


def write_splits(sessions_tsv: Path, splits_tsv: Path, split: Split, cohort: str) -> None:
    """Split the subjects of `sessions.tsv` and write `splits.tsv`."""
    splits = split_subjects(read_tsv(sessions_tsv), split, cohort)
    check_apart(splits)
    write_tsv(splits, splits_tsv)


def shares(split: Split, cohort: str) -> dict[str, float]:
    """What each split of a cohort gets: subjects where it has counts, fractions otherwise."""
    return dict(zip(SPLITS, split.counts.get(cohort, (split.train, split.val, split.test)), strict=True))


def _decided(people: pd.DataFrame, split: Split, cohort: str, seed: int) -> list[str]:
    if cohort in split.counts or split.method == "exact":
        return _exact(people, split, cohort, seed)
    return _hashed(people, split, cohort, seed)


def _exact(people: pd.DataFrame, split: Split, cohort: str, seed: int) -> list[str]:
    """Large families first, then in the order of their hash, each to where most of its sexes' share is still free."""
    room = _places(len(people), split, cohort)
    free = {
        (name, sex): count * number / len(people)
        for name, count in room.items()
        for sex, number in people["sex"].value_counts().items()
    }
    whole = dict(free)
    key = family_of(people)
    families = [(name, members) for name, members in people.groupby(key)]
    families.sort(key=lambda family: (-len(family[1]), unit_hash(seed, cohort, family[0])))
    chosen = pd.Series("", index=people.index)
    for _, members in families:
        fitting = [name for name in SPLITS if room[name] >= len(members)]
        if not fitting and cohort in split.counts:
            raise InputError(
                f"split.counts.{cohort}", f"a family of {len(members)} that fits no split whole",
                f"counts that families can be cut into; left are {room}", "move a few subjects between the counts",
            )  # fmt: skip
        if not fitting:
            fitting = [max(SPLITS, key=room.__getitem__)]
        best = max(fitting, key=lambda name: sum(free[name, s] / max(whole[name, s], 1e-9) for s in members["sex"]))
        chosen[members.index] = best
        room[best] -= len(members)
        for sex in members["sex"]:
            free[best, sex] -= 1
    return list(chosen)


def _places(people: int, split: Split, cohort: str) -> dict[str, int]:
    """Subjects of each split: the cohort's counts, or its fractions rounded so that they add up."""
    wanted = shares(split, cohort)
    if cohort in split.counts:
        total = sum(split.counts[cohort])
        if total != people:
            scaled = list(_rounded({name: count / total for name, count in wanted.items()}, people).values())
            raise InputError(
                f"split.counts.{cohort}", f"{total} subjects in all", f"the {people} usable ones of the cohort",
                f"the same shares of these are {scaled}; index/excluded.tsv says who was left out",
            )  # fmt: skip
        return {name: int(count) for name, count in wanted.items()}
    return _rounded(wanted, people)


def _rounded(fractions: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers that add up to `total`, by the largest remainder."""
    floors = {name: int(share * total + 1e-9) for name, share in fractions.items()}
    rest = sorted(fractions, key=lambda name: floors[name] - fractions[name] * total)
    for name in rest[: total - sum(floors.values())]:
        floors[name] += 1
    return floors


def _hashed(people: pd.DataFrame, split: Split, cohort: str, seed: int) -> list[str]:
    chosen = []
    for family in family_of(people):
        u = unit_hash(seed, cohort, family)
        chosen.append("train" if u < split.train else "val" if u < split.train + split.val else "test")
    return chosen


def _missing(sexes: pd.Series, chosen: list[str] | pd.Series, wanted: list[str]) -> list[str]:
    """What the wanted splits lack, in words; a sex of fewer subjects than splits can't be in all, and isn't missed."""
    present = set(zip(chosen, sexes, strict=True))
    there = {sex for sex, count in sexes.value_counts().items() if count >= len(wanted)}
    lacks = []
    for name in wanted:
        absent = sorted(sex for sex in there if (name, sex) not in present)
        if name not in {split for split, _ in present}:
            lacks.append(f"{name} empty")
        elif absent:
            lacks.append(f"{name} without {absent[0]}")
    return lacks


def _seed_that_fits(people: pd.DataFrame, split: Split, cohort: str, wanted: list[str]) -> str:
    for seed in range(SEEDS_TRIED):
        if not _missing(people["sex"], _decided(people, split, cohort, seed), wanted):
            return f"set split.seed: {seed}"
    return (
        f"no seed below {SEEDS_TRIED} does better: there are too few families of each sex for these fractions; "
        "set one of them to 0, or name a split of your own (split.file)"
    )


def _published(people: pd.DataFrame, split: Split, cohort: str) -> list[str]:
    path = Path(split.file)
    if not path.is_file():
        raise InputError("split.file", f"{path}: no such file", "a TSV with columns subject and split", "correct it")
    table = pd.DataFrame(read_table(path, ("subject", "split")))
    if not {"subject", "split"} <= set(table.columns):
        raise InputError(str(path), f"columns {', '.join(table.columns)}", "subject and split", "add them")
    strange = sorted(set(table["split"]) - set(SPLITS))
    if strange:
        raise InputError(f"{path}: split", f"{strange[0]!r}", f"one of {', '.join(SPLITS)}", "correct it")
    if table["subject"].duplicated().any():
        twice = table["subject"][table["subject"].duplicated()].iloc[0]
        raise InputError(str(path), f"subject {twice} in two rows", "one row per subject", "keep one of them")
    chosen = dict(zip(table["subject"], table["split"], strict=True))
    absent = [subject for subject in people["subject"] if subject not in chosen]
    if absent and split.newcomers == "refuse":
        strangers = f"{len(absent)} subjects of cohort {cohort} are not in it, e.g. {', '.join(absent[:3])}"
        remedy = "add them, exclude their sessions, or have their hash decide (split.newcomers: hash)"
        raise InputError(str(path), strangers, "every usable subject", remedy)
    chosen |= _newcomers(people, chosen, split, cohort)
    followed = [chosen[subject] for subject in people["subject"]]
    empty = [name for name in ("train", "test") if name not in followed]
    if empty:
        raise InputError(
            str(path), f"no usable subject of cohort {cohort} in {empty[0]}", "at least one", "correct the split"
        )
    return followed


def _newcomers(people: pd.DataFrame, chosen: dict[str, str], split: Split, cohort: str) -> dict[str, str]:
    """Who isn't in the published split: to their family where that is in it, and by their hash otherwise."""
    known = people[people["subject"].isin(chosen) & (people["family"] != "")]
    families = dict(zip(known["family"], known["subject"].map(chosen), strict=True))
    new = people[~people["subject"].isin(chosen)]
    hashed = _hashed(new, split, cohort, split.seed)
    return {
        subject: families.get(family, decided)
        for subject, family, decided in zip(new["subject"], new["family"], hashed, strict=True)
    }
