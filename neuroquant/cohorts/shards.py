"""Shards: sessions in (split, hash of the subject) buckets whose number is fixed, so that the DAG is static."""

from pathlib import Path

from neuroquant.cohorts.proof import SPLITS
from neuroquant.cohorts.split import unit_hash
from neuroquant.config.volume import Shards, shard_names
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, sha256, write_text, write_tsv
from neuroquant.tables import SESSION_KEY, TARGET

UNUSED = ("site", "scanner")
"""Columns of `sessions.tsv` that no stage between the scans and the scores reads."""


def bucket(subject: str, count: int) -> int:
    """The bucket of a subject among `count`; all its sessions share it, whoever else there is."""
    return int(unit_hash("shard", subject) * count)


def write_manifests(sessions_tsv: Path, splits_tsv: Path, shards: Shards, folder: Path) -> None:
    """Write the sessions of every shard, empty ones too, as `<folder>/<shard>.tsv`: `sessions.tsv` plus the split.

    Beside them `<folder>/<split>.sha256`, what `sha256sum` says of a split's manifests: one file that changes with any.
    Site, scanner and the targets of probes stay behind: no volume depends on them, and correcting one, or naming one
    more target, must not redo any.

    Raises
    ------
    InputError
        If a session's subject isn't in `splits.tsv`.
    """
    splits = read_tsv(splits_tsv).set_index("subject")["split"]
    sessions = read_tsv(sessions_tsv)
    unused = [*UNUSED, *(name for name in sessions if name.startswith(TARGET))]
    sessions = sessions.drop(columns=unused).sort_values(SESSION_KEY)
    sessions["split"] = sessions["subject"].map(splits)
    if sessions["split"].isna().any():
        absent = sessions["subject"][sessions["split"].isna()].iloc[0]
        raise InputError(str(splits_tsv), f"subject {absent} has no split", "every subject", "rerun `split`")
    for split in SPLITS:
        count = getattr(shards, split)
        mine = sessions[sessions["split"] == split]
        buckets = mine["subject"].map(lambda subject, count=count: bucket(subject, count))
        paths = [folder / f"{name}.tsv" for name in shard_names(split, count)]
        for number, path in enumerate(paths):
            write_tsv(mine[buckets == number], path)
        write_text(folder / f"{split}.sha256", "".join(f"{sha256(path)}  {path.name}\n" for path in paths))
