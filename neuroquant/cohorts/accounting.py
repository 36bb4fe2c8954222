"""The final account of a cohort: every session that was found, in exactly one of two tables."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.proof import split_proof
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, sha256, write_tsv
from neuroquant.tables import EXCLUDED, SESSION_KEY


@dataclass(frozen=True)
class Sessions:
    """Two tables of a cohort: the sessions that are in, and those that are out with their reason."""

    kept: Path
    excluded: Path


@dataclass(frozen=True)
class Preprocessed:
    """Tables of preprocessing, one of each kind per shard: what was left out, and the quality of what is in."""

    excluded: list[Path]
    qc: list[Path]


def account(
    index: Sessions, splits_tsv: Path, shards: Preprocessed, final: Sessions, proof_tsv: Path, cohort: Cohort
) -> None:
    """`gather`, and the proof of the split on the sessions that remain.

    Raises
    ------
    InputError
        As `gather`; and if no session remains, or two splits share a subject, a family or an image.
    """
    gather(index, shards.excluded, final)
    kept = read_tsv(final.kept)
    if kept.empty:
        raise InputError(
            f"cohort {cohort.name}", "no usable session", "at least one", f"read the reasons in {final.excluded}"
        )
    hashes = pd.concat([pd.DataFrame(columns=SESSION_KEY, dtype=str), *map(read_tsv, shards.qc)])
    proof = split_proof(read_tsv(splits_tsv), kept, hashes, cohort.stands_for, sha256(splits_tsv))
    write_tsv(proof, proof_tsv)


def gather(index: Sessions, shard_excluded: list[Path], final: Sessions) -> None:
    """Move the sessions that preprocessing had to leave out from the index's sessions to its excluded.

    Parameters
    ----------
    index : the tables of the index.
    shard_excluded : what preprocessing left out, a table per shard.
    final : the tables to write.

    Raises
    ------
    InputError
        If a session ends up in both tables, in one of them twice, or was never in the index.
    """
    sessions, early = read_tsv(index.kept), read_tsv(index.excluded)[EXCLUDED]
    late = pd.concat([pd.DataFrame(columns=EXCLUDED, dtype=str), *map(read_tsv, shard_excluded)])[EXCLUDED]
    kept = sessions[~_keys(sessions).isin(_keys(late))]
    excluded = pd.concat([early, late]).sort_values(SESSION_KEY, ignore_index=True)
    both = pd.concat([kept[SESSION_KEY], excluded[SESSION_KEY]])
    duplicates = both[both.duplicated()]
    strangers = late[~_keys(late).isin(_keys(sessions))]
    for wrong, what in ((duplicates, "counted twice"), (strangers, "excluded by preprocessing, but not in the index")):
        if len(wrong):
            raise InputError(
                str(final.kept),
                f"session {' '.join(wrong[SESSION_KEY].iloc[0])} {what}",
                "each session in exactly one of sessions.tsv and excluded.tsv",
                "count the cohort again: `snakemake all --forcerun index` with the options of the run",
            )
    write_tsv(kept, final.kept)
    write_tsv(excluded, final.excluded)


def _keys(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[SESSION_KEY].astype(str))
