"""The final account of a cohort: every session that was found, in exactly one of two tables."""

from pathlib import Path

import pandas as pd

from neuroquant.cohorts.index import EXCLUDED, KEY
from neuroquant.cohorts.split import split_proof
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv


def account(
    sessions_tsv: Path,
    excluded_tsv: Path,
    splits_tsv: Path,
    shard_excluded: list[Path],
    out_sessions: Path,
    out_excluded: Path,
    out_proof: Path,
    cohort: str,
) -> None:
    """Move what preprocessing had to leave out from the sessions to the excluded, and prove the split on the rest.

    Raises
    ------
    InputError
        If a session ends up in both tables or in none, or two splits share a subject or a family.
    """
    sessions = read_tsv(sessions_tsv)
    late = pd.concat([read_tsv(path) for path in shard_excluded], ignore_index=True)[EXCLUDED]
    out = pd.MultiIndex.from_frame(late[KEY])
    kept = sessions[~pd.MultiIndex.from_frame(sessions[KEY]).isin(out)]
    excluded = pd.concat([read_tsv(excluded_tsv)[EXCLUDED], late], ignore_index=True).sort_values(KEY)
    keys = pd.concat([kept[KEY], excluded[KEY]])
    if keys.duplicated().any() or len(kept) + len(late) != len(sessions):
        raise InputError(
            f"cohort {cohort}", "a session in both tables or in none", "each in exactly one", "rerun from `index`"
        )
    write_tsv(kept, out_sessions)
    write_tsv(excluded, out_excluded)
    write_tsv(split_proof(read_tsv(splits_tsv), kept, cohort), out_proof)
