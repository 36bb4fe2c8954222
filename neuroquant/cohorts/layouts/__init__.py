"""How each layout names its files: where scans, masks and label maps lie, and what a path says of its session."""

from neuroquant.cohorts.layouts.base import Layout
from neuroquant.cohorts.layouts.folders import FolderLayout
from neuroquant.cohorts.layouts.rules import FOLDERS
from neuroquant.cohorts.layouts.table import TableLayout
from neuroquant.cohorts.layouts.templates import TemplateLayout
from neuroquant.config.cohort import Cohort


def layout_of(cohort: Cohort, modalities: tuple[str, ...]) -> Layout:
    """The layout of a cohort's folder, for the modalities of an experiment.

    Raises
    ------
    InputError
        If the cohort's `files`, or its table of paths, has none of the modalities.
    """
    if cohort.layout in FOLDERS:
        return FolderLayout(cohort, modalities, FOLDERS[cohort.layout])
    return {"custom": TemplateLayout, "table": TableLayout}[cohort.layout](cohort, modalities)
