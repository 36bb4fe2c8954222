"""The final account of a cohort: every session that was found, in exactly one of two tables."""

from pathlib import Path

import pandas as pd

from neuroquant.cohorts.index import EXCLUDED, KEY
from neuroquant.cohorts.proof import HASHES, split_proof
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, sha256, write_tsv


def account(
    sessions_tsv: Path,
    excluded_tsv: Path,
    splits_tsv: Path,
    shard_excluded: list[Path],
    shard_qc: list[Path],
    out_sessions: Path,
    out_excluded: Path,
    out_proof: Path,
    cohort: Cohort,
) -> None:
    """`gather`, and the proof of the split on the sessions that remain.

    Parameters
    ----------
    shard_qc : the QC tables of preprocessing, for the fingerprints of the images.

    Raises
    ------
    InputError
        As `gather`; and if no session remains, or two splits share a subject, a family or an image.
    """
    gather(sessions_tsv, excluded_tsv, shard_excluded, out_sessions, out_excluded)
    kept = read_tsv(out_sessions)
    if kept.empty:
        raise InputError(
            f"cohort {cohort.name}", "no usable session", "at least one", f"read the reasons in {out_excluded}"
        )
    hashes = pd.concat([pd.DataFrame(columns=HASHES, dtype=str), *map(read_tsv, shard_qc)])[HASHES]
    proof = split_proof(read_tsv(splits_tsv), kept, hashes, cohort.stands_for, sha256(splits_tsv))
    write_tsv(proof, out_proof)


def gather(
    sessions_tsv: Path, excluded_tsv: Path, shard_excluded: list[Path], out_sessions: Path, out_excluded: Path
) -> None:
    """Move the sessions that preprocessing had to leave out from the index's sessions to its excluded.

    Parameters
    ----------
    sessions_tsv, excluded_tsv : the index.
    shard_excluded : what preprocessing left out, a table a shard.
    out_sessions, out_excluded : the final tables.

    Raises
    ------
    InputError
        If a session ends up in both tables, in one of them twice, or was never in the index.
    """
    sessions, early = read_tsv(sessions_tsv), read_tsv(excluded_tsv)[EXCLUDED]
    late = pd.concat([pd.DataFrame(columns=EXCLUDED, dtype=str), *map(read_tsv, shard_excluded)])[EXCLUDED]
    kept = sessions[~_keys(sessions).isin(_keys(late))]
    excluded = pd.concat([early, late]).sort_values(KEY, ignore_index=True)
    both = pd.concat([kept[KEY], excluded[KEY]])
    twice = both[both.duplicated()]
    strange = late[~_keys(late).isin(_keys(sessions))]
    for wrong, found in ((twice, "counted twice"), (strange, "excluded by preprocessing, but not in the index")):
        if len(wrong):
            raise InputError(
                str(out_sessions),
                f"session {' '.join(wrong[KEY].iloc[0])} {found}",
                "each session in exactly one of sessions.tsv and excluded.tsv",
                "have the cohort counted anew: `snakemake all --forcerun index` with the options of the run",
            )
    write_tsv(kept, out_sessions)
    write_tsv(excluded, out_excluded)


def _keys(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[KEY].astype(str))
