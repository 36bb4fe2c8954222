"""Who trains, who validates, who is tested: by family, decided by a seeded hash that never looks at anyone else."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.volume import Split
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv

SPLITS = ("train", "val", "test")
COLUMNS = ["subject", "family", "sex", "split"]
SEEDS_TRIED = 1000
PUBLISHED_FEMALE = {
    "NCANDA": {"train": 0.505, "val": 0.525, "test": 0.5164},
    "ABCD": {"train": 0.5212, "val": 0.5358, "test": 0.5157},
}
"""Female shares of the paper's splits (section 4.1)."""


def unit_hash(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_subjects(sessions: pd.DataFrame, split: Split, cohort: str) -> pd.DataFrame:
    """Subjects with their split (columns subject, family, sex, split), sorted by subject.

    A family goes where its hash falls among the fractions, so a new subject moves nobody, and each sex gets the same
    fractions in expectation. With `split.file` the published split is followed instead.

    Raises
    ------
    InputError
        If there are fewer subjects than splits, if a split with a fraction lacks subjects or a sex that the cohort
        has, or if the published split leaves somebody out.
    """
    people = sessions[COLUMNS[:3]].drop_duplicates("subject").sort_values("subject", ignore_index=True)
    wanted = [] if split.file else [name for name in SPLITS if getattr(split, name) > 0]
    if len(people) < len(wanted):
        raise InputError(
            f"cohort {cohort}",
            f"{len(people)} usable subjects",
            f"at least {len(wanted)}, one a split",
            "look at index/excluded.tsv for who was left out, or set a fraction of `split` to 0",
        )
    people["split"] = _published(people, split, cohort) if split.file else _hashed(people, split, cohort, split.seed)
    missing = _missing(people["sex"], people["split"], wanted)
    if missing:
        raise InputError(
            f"cohort {cohort}: split.seed",
            f"seed {split.seed} leaves {' and '.join(missing)}",
            "both sexes (as far as the cohort has them) in every split that has a fraction",
            _seed_that_fits(people, split, cohort, wanted),
        )
    return people[COLUMNS]


def write_splits(sessions_tsv: Path, splits_tsv: Path, split: Split, cohort: str) -> None:
    """Split the subjects of `sessions.tsv` and write `splits.tsv`."""
    splits = split_subjects(read_tsv(sessions_tsv), split, cohort)
    check_apart(splits)
    write_tsv(splits, splits_tsv)


def _hashed(people: pd.DataFrame, split: Split, cohort: str, seed: int) -> list[str]:
    chosen = []
    for family, subject in zip(people["family"], people["subject"], strict=True):
        u = unit_hash(seed, cohort, family or subject)
        chosen.append("train" if u < split.train else "val" if u < split.train + split.val else "test")
    return chosen


def _missing(sexes: pd.Series, chosen: list[str] | pd.Series, wanted: list[str]) -> list[str]:
    """What the wanted splits lack, in words."""
    present = set(zip(chosen, sexes, strict=True))
    there = {sex for _, sex in present}
    lacks = []
    for name in wanted:
        absent = sorted(sex for sex in there if (name, sex) not in present)
        if len(absent) == len(there):
            lacks.append(f"{name} empty")
        elif absent:
            lacks.append(f"{name} without {absent[0]}")
    return lacks


def _seed_that_fits(people: pd.DataFrame, split: Split, cohort: str, wanted: list[str]) -> str:
    for seed in range(SEEDS_TRIED):
        if not _missing(people["sex"], _hashed(people, split, cohort, seed), wanted):
            return f"set split.seed: {seed}"
    return (
        f"no seed below {SEEDS_TRIED} does better: there are too few families of each sex for these fractions; "
        "set one of them to 0, or name a split of your own (split.file)"
    )


def _published(people: pd.DataFrame, split: Split, cohort: str) -> list[str]:
    path = Path(split.file)
    if not path.is_file():
        raise InputError("split.file", f"{path}: no such file", "a TSV with columns subject and split", "correct it")
    table = read_tsv(path)
    if not {"subject", "split"} <= set(table.columns):
        raise InputError(str(path), f"columns {', '.join(table.columns)}", "subject and split", "add them")
    strange = sorted(set(table["split"]) - set(SPLITS))
    if strange:
        raise InputError(f"{path}: split", f"{strange[0]!r}", f"one of {', '.join(SPLITS)}", "correct it")
    if table["subject"].duplicated().any():
        twice = table["subject"][table["subject"].duplicated()].iloc[0]
        raise InputError(str(path), f"subject {twice} in two rows", "one row a subject", "remove one of them")
    chosen = dict(zip(table["subject"], table["split"], strict=True))
    absent = [subject for subject in people["subject"] if subject not in chosen]
    if absent:
        found = f"{len(absent)} subjects of cohort {cohort} are not in it, e.g. {', '.join(absent[:3])}"
        raise InputError(str(path), found, "every usable subject", "add them, or exclude their sessions")
    followed = [chosen[subject] for subject in people["subject"]]
    empty = [name for name in ("train", "test") if name not in followed]
    if empty:
        raise InputError(
            str(path), f"no usable subject of cohort {cohort} in {empty[0]}", "at least one", "correct the split"
        )
    return followed


def check_apart(splits: pd.DataFrame) -> None:
    """Refuse a split that parts a family or puts a subject in two places.

    Raises
    ------
    InputError
        With the families or subjects that are in two splits.
    """
    for column in ("subject", "family"):
        known = splits[splits[column] != ""]
        places = known.groupby(column)["split"].nunique()
        shared = sorted(places[places > 1].index)
        if shared:
            raise InputError(
                "splits.tsv",
                f"{len(shared)} with the same {column} in two splits, e.g. {', '.join(shared[:3])}",
                f"each {column} in one split",
                "correct the published split (split.file)",
            )


def check_images_apart(hashes: pd.DataFrame, splits: pd.DataFrame) -> None:
    """Refuse a split in which the same image stands in two places, under whatever names.

    Parameters
    ----------
    hashes : columns subject, session, and t1w_hash, t2w_hash: fingerprints of the scans' voxels.

    Raises
    ------
    InputError
        With the sessions that have the same image in two splits.
    """
    chosen = splits.set_index("subject")["split"]
    for kind in ("t1w_hash", "t2w_hash"):
        known = hashes[hashes[kind] != ""]
        known = known.assign(split=known["subject"].map(chosen))
        places = known.groupby(kind)["split"].nunique()
        if (places > 1).any():
            twins = known[known[kind] == places[places > 1].index[0]]
            names = ", ".join((twins.subject + " " + twins.session).str.strip())
            raise InputError(
                "splits.tsv",
                f"{int((places > 1).sum())} {kind[:3]} images in two splits, e.g. the same voxels for {names}",
                "each image in one split",
                "these are one person under two names, or a copying error: give them one family, or remove one",
            )


def twice(hashes: pd.DataFrame) -> int:
    """Images that stand more than once."""
    found = pd.concat([hashes[kind] for kind in ("t1w_hash", "t2w_hash")])
    return int(found[found != ""].duplicated().sum())


def cohen_h(a: float, b: float) -> float:
    """Cohen's h, the effect size of a difference of two shares."""
    return float(2 * np.arcsin(np.sqrt(a)) - 2 * np.arcsin(np.sqrt(b)))


def cohen_d(a: pd.Series, b: pd.Series) -> float:
    """Cohen's d with the pooled standard deviation; nan where there is none."""
    if len(a) < 2 or len(b) < 2:
        return float("nan")
    pooled = np.sqrt(((len(a) - 1) * a.var() + (len(b) - 1) * b.var()) / (len(a) + len(b) - 2))
    return float((a.mean() - b.mean()) / pooled) if pooled > 0 else float("nan")


def split_proof(
    splits: pd.DataFrame, sessions: pd.DataFrame, hashes: pd.DataFrame | None = None, stands_for: str = ""
) -> pd.DataFrame:
    """Counts, sex and age a split, and how many subjects and families it shares with another: none, or this raises.

    Subjects without a usable session don't count. `mean_age` (years) is over sessions whose age is known. `sex_effect`
    (Cohen's h) and `age_effect` (Cohen's d) compare a split with the training split; `published_female_share` is the
    paper's. `images_shared` counts images whose voxels stand in another split too, `images_twice` those that stand
    twice in this one; `splits_sha256` is the fingerprint of who is where.

    Parameters
    ----------
    hashes : columns subject, session, t1w_hash, t2w_hash of the usable sessions.
    stands_for : the paper's cohort whose shares stand beside these.

    Raises
    ------
    InputError
        If two splits share a subject, a family or an image.
    """
    check_apart(splits)
    if hashes is not None:
        check_images_apart(hashes, splits)
    text = "\n".join(sorted(splits["subject"] + "\t" + splits["family"] + "\t" + splits["split"]))
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    people = splits[splits["subject"].isin(sessions["subject"])].drop_duplicates("subject")
    visits = sessions.merge(people[["subject", "split"]], on="subject")
    visits["age"] = pd.to_numeric(visits["age"].replace("", None))
    train, rows = people[people["split"] == "train"], []
    known = visits[visits["split"] == "train"]["age"].dropna()
    for name in SPLITS:
        mine, theirs = people[people["split"] == name], people[people["split"] != name]
        seen = visits[visits["split"] == name]
        rows.append(
            {
                "split": name,
                "subjects": len(mine),
                "families": mine["family"].where(mine["family"] != "", mine["subject"]).nunique(),
                "sessions": len(seen),
                "female_share": (mine["sex"] == "F").mean(),
                "mean_age": seen["age"].mean(),
                "subjects_shared": len(set(mine["subject"]) & set(theirs["subject"])),
                "families_shared": len((set(mine["family"]) & set(theirs["family"])) - {""}),
                "images_shared": 0 if hashes is not None else "",
                "images_twice": "" if hashes is None else twice(hashes[hashes["subject"].isin(mine["subject"])]),
                "sex_effect": cohen_h((mine["sex"] == "F").mean(), (train["sex"] == "F").mean()),
                "age_effect": cohen_d(seen["age"].dropna(), known),
                "published_female_share": PUBLISHED_FEMALE.get(stands_for, {}).get(name, ""),
                "splits_sha256": fingerprint,
            }
        )
    return pd.DataFrame(rows)
