"""The proof that no subject, family or image is in two splits, and how alike the splits are."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.tables import HASH, family_of, hash_columns

SPLITS = ("train", "val", "test")
PUBLISHED = {
    "NCANDA": {"train": (606, 3790, 0.505), "val": (80, 489, 0.525), "test": (122, 774, 0.5164)},
    "ABCD": {"train": (7594, 11133, 0.5212), "val": (1412, 1484, 0.5358), "test": (2095, 2228, 0.5157)},
}
"""Subjects, sessions and female share of the paper's splits (section 4.1), which gives no ages. Its subjects of ABCD
add up to 11,101, though it says 8,879."""
IMAGES = ["subject", "session", "modality", "hash"]
PUBLISHED_COLUMNS = ["published_subjects", "published_sessions", "published_female_share", "published_sex_effect"]


def check_apart(splits: pd.DataFrame) -> None:
    """Refuse a split that parts a family or puts a subject in two places.

    Raises
    ------
    InputError
        With the families or subjects that are in two splits.
    """
    for column in ("subject", "family"):
        known = splits[splits[column] != ""]
        splits_of = known.groupby(column)["split"].nunique()
        shared = sorted(splits_of[splits_of > 1].index)
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
    hashes : columns subject, session, and `<modality>_hash`: fingerprints of the scans' voxels.

    Raises
    ------
    InputError
        With the sessions that have the same image in two splits.
    """
    chosen = splits.set_index("subject")["split"]
    every = images_of(hashes)
    every["split"] = every["subject"].map(chosen)
    splits_of = every.groupby("hash")["split"].nunique()
    if (splits_of > 1).any():
        twins = every[every["hash"] == splits_of[splits_of > 1].index[0]]
        names = ", ".join((twins.subject + " " + twins.session).str.strip() + " " + twins.modality)
        raise InputError(
            "splits.tsv",
            f"{int((splits_of > 1).sum())} images in two splits, e.g. the same voxels for {names}",
            "each image in one split",
            "these are one person under two names, or a copying error: give them one family, or remove one",
        )


def images_of(hashes: pd.DataFrame) -> pd.DataFrame:
    """A row an image, all modalities alike, since a name says little: columns subject, session, modality, hash."""
    parts = [
        hashes[["subject", "session"]].assign(modality=column.removesuffix(HASH), hash=hashes[column])
        for column in hash_columns(hashes.columns)
    ]
    every = pd.concat([pd.DataFrame(columns=IMAGES, dtype=str), *parts], ignore_index=True)
    return every[every["hash"].notna() & (every["hash"] != "")].reset_index(drop=True)


def twice(hashes: pd.DataFrame) -> int:
    """Images that stand more than once."""
    return int(images_of(hashes)["hash"].duplicated().sum())


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
    splits: pd.DataFrame,
    sessions: pd.DataFrame,
    hashes: pd.DataFrame | None = None,
    stands_for: str = "",
    fingerprint: str = "",
) -> pd.DataFrame:
    """Counts, sex and age a split, and how many subjects and families it shares with another: none, or this raises.

    Subjects without a usable session don't count. `mean_age` (years) is over sessions whose age is known. `sex_effect`
    (Cohen's h) and `age_effect` (Cohen's d) compare a split with the training split; `published_*` are the paper's,
    their effect computed from its shares. `images_shared` counts images whose voxels stand in another split too,
    `images_twice` those that stand twice in this one.

    Parameters
    ----------
    hashes : columns subject, session, `<modality>_hash` of the usable sessions.
    stands_for : the paper's cohort whose values stand beside these.
    fingerprint : SHA-256 of the manifest of the split, `splits.tsv`; becomes `splits_sha256`.

    Raises
    ------
    InputError
        If two splits share a subject, a family or an image.
    """
    check_apart(splits)
    if hashes is not None:
        check_images_apart(hashes, splits)
    people = splits[splits["subject"].isin(sessions["subject"])].drop_duplicates(["subject", "split"])
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
                "families": family_of(mine).nunique(),
                "sessions": len(seen),
                "female_share": (mine["sex"] == "F").mean(),
                "mean_age": seen["age"].mean(),
                "subjects_shared": len(set(mine["subject"]) & set(theirs["subject"])),
                "families_shared": len((set(mine["family"]) & set(theirs["family"])) - {""}),
                "images_shared": 0 if hashes is not None else "",
                "images_twice": "" if hashes is None else twice(hashes[hashes["subject"].isin(mine["subject"])]),
                "sex_effect": cohen_h((mine["sex"] == "F").mean(), (train["sex"] == "F").mean()),
                "age_effect": cohen_d(seen["age"].dropna(), known),
                **published(stands_for, name),
                "splits_sha256": fingerprint,
            }
        )
    return pd.DataFrame(rows)


def published(stands_for: str, split: str) -> dict[str, float | str]:
    """The paper's values of a split of its cohort; empty for a cohort that stands for none."""
    if stands_for not in PUBLISHED:
        return dict.fromkeys(PUBLISHED_COLUMNS, "")
    subjects, sessions, female = PUBLISHED[stands_for][split]
    effect = cohen_h(female, PUBLISHED[stands_for]["train"][2])
    return dict(zip(PUBLISHED_COLUMNS, (subjects, sessions, female, effect), strict=True))


def compare_cohorts(
    hashes: dict[str, pd.DataFrame], splits: dict[str, pd.DataFrame], external: Collection[str] = ()
) -> pd.DataFrame:
    """Images that two cohorts have in common, a row per pair of cohorts; models train on all but the external ones.

    Parameters
    ----------
    hashes : cohort -> columns subject, session, `<modality>_hash` of its usable sessions.
    splits : cohort -> columns subject and split.
    external : cohorts on which no model trains.

    Raises
    ------
    InputError
        If an image trains in one cohort and validates or tests in another, or an external cohort has one in common with
        a cohort that isn't: whoever was scanned for both isn't external.
    """
    columns = ["cohort", "subject", "session", "split", "hash"]
    parts = [pd.DataFrame(columns=columns)]
    for cohort, table in hashes.items():
        images = images_of(table)
        chosen = images["subject"].map(splits[cohort].set_index("subject")["split"])
        parts.append(images.assign(cohort=cohort, split=chosen)[columns])
    every, rows = pd.concat(parts), []
    for number, one in enumerate(hashes):
        for two in list(hashes)[number + 1 :]:
            pairs = every[every["cohort"] == one].merge(every[every["cohort"] == two], on="hash", suffixes=("", "_2"))
            if len(pairs) and (one in external) != (two in external):
                raise shared_with_external(*((one, two) if one in external else (two, one)), pairs)
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


def shared_with_external(external: str, other: str, pairs: pd.DataFrame) -> InputError:
    """The error for an external cohort that has images of another one.

    Parameters
    ----------
    pairs : an image a row, with subject and session in both cohorts.
    """
    twin = pairs.sort_values(["split", "split_2"], ascending=False).iloc[0]
    sides = {twin.cohort: (twin.subject, twin.session, twin.split)}
    sides[twin.cohort_2] = (twin.subject_2, twin.session_2, twin.split_2)
    names = " and ".join(f"{cohort} {' '.join(filter(None, sides[cohort][:2]))}" for cohort in (external, other))
    return InputError(
        f"cohort {external}: role: external",
        f"{pairs['hash'].nunique()} images that cohort {other} has too, e.g. the same voxels for {names} "
        f"({sides[other][2]})",
        "no image in common with a cohort that models train on",
        f"leave these sessions out of {external}, or remove `role: external`",
    )


def write_comparison(qc: dict[str, Path], splits: dict[str, Path], out: Path, external: Collection[str] = ()) -> None:
    """`compare_cohorts` on tables in files: the QC tables of whole cohorts, and their splits."""
    comparison = compare_cohorts(
        {cohort: read_tsv(path) for cohort, path in qc.items()},
        {cohort: read_tsv(path) for cohort, path in splits.items()},
        external,
    )
    write_tsv(comparison, out)
