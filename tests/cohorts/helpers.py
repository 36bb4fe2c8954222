"""A cohort's folder through inventory and index, as the workflow's jobs do it."""

from pathlib import Path

import pandas as pd

from neuroquant.cohorts.index import index_cohort
from neuroquant.cohorts.inventory import refresh_inventory
from neuroquant.cohorts.source import Source
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort
from neuroquant.files import read_tsv


def source_of(cohort: Cohort, modalities: tuple[str, ...] = DEFAULT_MODALITIES, **settings) -> Source:
    """The cohort in its own folder, for these modalities; `settings` are the target and whether to register."""
    return Source(cohort, Path(cohort.root), modalities, **settings)


def index(source: Source, out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Takes the inventory and the index into `out`; gives `sessions.tsv` and `excluded.tsv`."""
    inventory, sessions, excluded = (out / f"{name}.tsv" for name in ("inventory", "sessions", "excluded"))
    refresh_inventory(source, inventory)
    index_cohort(source, inventory, sessions, excluded)
    return read_tsv(sessions), read_tsv(excluded)
