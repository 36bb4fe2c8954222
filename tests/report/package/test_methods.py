"""The methods text says what this run did, cites works that exist in its list, and names no folder or subject."""

import re

import pytest

from neuroquant.config.cohort import Cohort
from neuroquant.report.package.methods import (
    CITED,
    ENGINES,
    MASKS,
    OF_ARCHITECTURES,
    bibtex,
    methods,
    references,
    write_methods,
)
from tests.made_up import with_modalities
from tests.report.pages.test_front_page import FACTS, cohorts  # noqa: F401


@pytest.mark.parametrize("modalities", [("T1w",), ("T1w", "T2w"), ("T1w", "T2w", "FLAIR")], ids="-".join)
def test_it_is_filled_in_from_the_run(tmp_path, experiment, cohorts, modalities):  # noqa: F811
    own = with_modalities(experiment, *modalities)
    write_methods(own, cohorts, FACTS, tmp_path / "m.html")
    text = (tmp_path / "m.html").read_text()
    for fact in (
        *modalities,
        "Subjects were divided by a seeded hash",
        "NeuroQuant 0.1.0",
        "commit abc",
        "Snakemake 9.27",
        "Wilcoxon, 1945",
        "CC0",
    ):
        assert fact in text, fact
    assert ("registered rigidly" in text) == (len(modalities) > 1), "a session with one image has nothing to register"
    assert (
        ("T2w" in text) == ("T2w" in modalities) and "[@" not in text and "nan" not in re.sub("<.*?>", "", text).split()
    )


def test_every_citation_has_an_entry_and_every_entry_is_cited(experiment, cohorts):  # noqa: F811
    texts = [*methods(experiment, cohorts, FACTS).values(), *MASKS.values(), *ENGINES.values(), "[@tustison2010]"]
    cited = {key for text in texts for key in CITED.findall(text)} | set(OF_ARCHITECTURES.values())
    assert cited == set(references())
    for key, work in references().items():
        assert work["cited"].endswith(str(work["year"])), key
        assert bibtex(key).startswith(f"@{work['type']}{{{key},") and bibtex(key).count("{") == bibtex(key).count("}")


def test_it_says_that_a_stand_in_is_none_and_names_no_folder(experiment, cohorts):  # noqa: F811
    texts = methods(experiment, cohorts, FACTS)
    assert "no substitute for SynthSeg" in texts["Evaluation"]
    own = Cohort(name="own", root="/data/secret/own", participants="/data/secret/a.csv")
    real = experiment.model_copy(update={"cohorts": (own, *experiment.cohorts[1:])})
    assert "secret" not in " ".join(methods(real, cohorts, FACTS).values())


def test_other_targets_of_the_probes_are_named(experiment, cohorts):  # noqa: F811
    assert "In the same way" not in methods(experiment, cohorts, FACTS)["Evaluation"]
    probe = experiment.probe.model_copy(update={"targets": ("sex", "age", "IQ")})
    text = methods(experiment.model_copy(update={"probe": probe}), cohorts, FACTS)["Evaluation"]
    assert "In the same way age, IQ were predicted: numbers with more than 10 values by regression" in text
