"""Who trains, who validates, who is tested: by family, decided by a seeded hash that never looks at anyone else."""

import hashlib
from pathlib import Path

import pandas as pd

from neuroquant.config.volume import Split
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv

SPLITS = ("train", "val", "test")
COLUMNS = ["subject", "family", "sex", "split"]


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
        If a split that should have subjects gets none, or the published split leaves somebody out or parts a family.
    """
    people = sessions[["subject", "family", "sex"]].drop_duplicates("subject").sort_values("subject", ignore_index=True)
    people["split"] = _published(people, split, cohort) if split.file else _hashed(people, split, cohort, split.seed)
    wanted = [name for name in SPLITS if getattr(split, name) > 0] if not split.file else []
    if len(people) < len(wanted):
        raise InputError(
            f"cohort {cohort}",
            f"{len(people)} usable subjects",
            f"at least {len(wanted)}, one a split",
            "look at index/excluded.tsv for who was left out, or set a fraction of `split` to 0",
        )
    empty = [name for name in wanted if name not in set(people["split"])]
    if empty:
        raise InputError(
            f"cohort {cohort}: split",
            f"no subject falls into {' or '.join(empty)} with seed {split.seed}",
            "a subject in every split that has a fraction",
            f"set split.seed: {_seed_that_fits(people, split, cohort, wanted)}",
        )
    return people[COLUMNS]


def _hashed(people: pd.DataFrame, split: Split, cohort: str, seed: int) -> list[str]:
    chosen = []
    for person in people.itertuples(index=False):
        u = unit_hash(seed, cohort, person.family or person.subject)
        chosen.append("train" if u < split.train else "val" if u < split.train + split.val else "test")
    return chosen


def _seed_that_fits(people: pd.DataFrame, split: Split, cohort: str, wanted: list[str]) -> str:
    for seed in range(1000):
        if set(wanted) <= set(_hashed(people, split, cohort, seed)):
            return str(seed)
    return "(none below 1000 does: the families are too few for these fractions; use split.file)"


def _published(people: pd.DataFrame, split: Split, cohort: str) -> list[str]:
    path = Path(split.file)
    if not path.is_file():
        raise InputError("split.file", f"{path}: no such file", "a TSV with columns subject and split", "correct it")
    table = read_tsv(path)
    if not {"subject", "split"} <= set(table.columns) or not set(table["split"]) <= set(SPLITS):
        raise InputError(
            str(path), f"columns {list(table.columns)}", f"subject and split, one of {SPLITS}", "correct it"
        )
    chosen = dict(zip(table["subject"], table["split"], strict=True))
    absent = [subject for subject in people["subject"] if subject not in chosen]
    if absent:
        found = f"{len(absent)} subjects of cohort {cohort} are not in it, e.g. {', '.join(absent[:3])}"
        raise InputError(str(path), found, "every usable subject", "add them, or exclude their sessions")
    return [chosen[subject] for subject in people["subject"]]


def write_splits(sessions_tsv: Path, splits_tsv: Path, split: Split, cohort: str) -> None:
    """Split the subjects of `sessions.tsv` and write `splits.tsv`."""
    splits = split_subjects(read_tsv(sessions_tsv), split, cohort)
    check_apart(splits, cohort)
    write_tsv(splits, splits_tsv)


def check_apart(splits: pd.DataFrame, cohort: str) -> None:
    """Refuse a split that parts a family or names a subject twice.

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
                f"cohort {cohort}: splits.tsv",
                f"{len(shared)} with the same {column} in two splits, e.g. {', '.join(shared[:3])}",
                f"each {column} in one split",
                "correct the published split (split.file)",
            )


def split_proof(splits: pd.DataFrame, sessions: pd.DataFrame, cohort: str) -> pd.DataFrame:
    """Counts, sex and age a split, and how many subjects and families two splits share: none, or this raises.

    Subjects without a usable session don't count.
    """
    check_apart(splits, cohort)
    splits = splits[splits["subject"].isin(sessions["subject"])]
    merged = sessions.merge(splits[["subject", "split"]], on="subject")
    rows = []
    for name in SPLITS:
        people, visits = splits[splits["split"] == name], merged[merged["split"] == name]
        rows.append(
            {
                "split": name,
                "subjects": len(people),
                "families": (people["family"].where(people["family"] != "", people["subject"])).nunique(),
                "sessions": len(visits),
                "female_share": (people["sex"] == "F").mean() if len(people) else float("nan"),
                "mean_age": pd.to_numeric(visits["age"]).mean() if len(visits) else float("nan"),
                "subjects_shared": 0,
                "families_shared": 0,
            }
        )
    return pd.DataFrame(rows)
