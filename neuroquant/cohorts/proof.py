"""The proof that no subject, family or image is in two splits, and how alike the splits are."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv

SPLITS = ("train", "val", "test")
HASHES = ["subject", "session", "t1w_hash", "t2w_hash"]
"""Columns of the QC tables that say whose image has which voxels."""
PUBLISHED_FEMALE = {
    "NCANDA": {"train": 0.505, "val": 0.525, "test": 0.5164},
    "ABCD": {"train": 0.5212, "val": 0.5358, "test": 0.5157},
}
"""Female shares of the paper's splits (section 4.1)."""


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


def compare_cohorts(hashes: dict[str, pd.DataFrame], splits: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Images that two cohorts have in common, a row a pair of cohorts; models train on all cohorts together.

    Parameters
    ----------
    hashes : cohort -> columns subject, session, t1w_hash, t2w_hash of its usable sessions.
    splits : cohort -> columns subject and split.

    Raises
    ------
    InputError
        If an image trains in one cohort and validates or tests in another.
    """
    columns = ["cohort", "subject", "session", "split", "hash"]
    parts = [pd.DataFrame(columns=columns)]
    for cohort, table in hashes.items():
        chosen = table["subject"].map(splits[cohort].set_index("subject")["split"])
        for kind in ("t1w_hash", "t2w_hash"):
            part = table.assign(cohort=cohort, split=chosen, hash=table[kind])[columns]
            parts.append(part[part["hash"] != ""])
    every, rows = pd.concat(parts), []
    for number, one in enumerate(hashes):
        for two in list(hashes)[number + 1 :]:
            pairs = every[every["cohort"] == one].merge(every[every["cohort"] == two], on="hash", suffixes=("", "_2"))
            crossed = pairs[pairs["split"] != pairs["split_2"]]
            if len(crossed):
                twin = crossed.iloc[0]
                names = (
                    f"{one} {twin.subject} {twin.session} ({twin.split}) and "
                    f"{two} {twin.subject_2} {twin.session_2} ({twin.split_2})"
                )
                raise InputError(
                    f"cohorts {one} and {two}",
                    f"{crossed['hash'].nunique()} images in different splits, e.g. the same voxels for {names}",
                    "each image in one split, over all cohorts: models train on all of them",
                    "leave the sessions out of one cohort, or put them into the same split (split.file)",
                )
            rows.append({"cohort": one, "other": two, "images_shared": pairs["hash"].nunique(), "splits_crossed": 0})
    return pd.DataFrame(rows, columns=["cohort", "other", "images_shared", "splits_crossed"])


def write_comparison(qc: dict[str, Path], splits: dict[str, Path], out: Path) -> None:
    """`compare_cohorts` on tables in files: the QC tables of whole cohorts, and their splits."""
    found = compare_cohorts(
        {cohort: read_tsv(path)[HASHES] for cohort, path in qc.items()},
        {cohort: read_tsv(path) for cohort, path in splits.items()},
    )
    write_tsv(found, out)
