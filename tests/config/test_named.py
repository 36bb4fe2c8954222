"""Which file a name means: a user's own beside the experiment before the shipped one."""

from pathlib import Path

import pytest

from neuroquant.config.load import load_experiment, resolve_experiment
from neuroquant.errors import InputError
from neuroquant.shipped import CONFIG


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """An experiment in a folder of its own, with a cohort and models of its own; another folder is the working one."""
    monkeypatch.setenv("STUDY", str(tmp_path))
    for name in ("study/models", "study/cohorts", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "study/cohorts/ixi.yaml").write_text("name: ixi\nlabel: My IXI\nroot: $STUDY\n")
    (tmp_path / "study/models/mean.yaml").write_text("extends: mean\nlabel: My mean\n")
    (tmp_path / "study/models/wide.yaml").write_text("extends: neuroquant\nname: wide\nparameters: {c_m: 24}\n")
    (tmp_path / "study/mine.yaml").write_text("cohorts: [ixi]\nmodels: [pca, mean, wide]\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "study/mine.yaml"


def test_files_beside_the_experiment_come_first_and_extend_the_shipped_ones(mine):
    experiment = load_experiment(mine)
    assert experiment.cohorts[0].shown == "My IXI"
    assert experiment.model("mean").shown == "My mean"
    assert experiment.model("mean").architecture == "baselines.mean", "extends the shipped file of its own name"
    assert experiment.model("wide").parameters["c_m"] == 24 and experiment.model("pca").name == "pca"


def test_a_path_counts_from_the_working_folder_and_then_from_the_experiment(mine):
    mine.write_text("cohorts: [cohorts/ixi.yaml]\nmodels: [mean]\n")
    assert load_experiment(mine).cohorts[0].shown == "My IXI"
    here = Path("cohorts")
    here.mkdir()
    (here / "ixi.yaml").write_text("name: ixi\nlabel: Working folder\nroot: $STUDY\n")
    assert load_experiment(mine).cohorts[0].shown == "Working folder"


def test_of_several_folders_the_first_that_has_the_file_counts(mine, tmp_path):
    other = tmp_path / "other"
    (other / "models").mkdir(parents=True)
    (other / "models/mean.yaml").write_text("extends: mean\nlabel: Other\n")
    raw = {"cohorts": ["ixi"], "models": ["mean", "wide"]}
    experiment = resolve_experiment(raw, [other, mine.parent], "x")
    assert [entry.shown for entry in experiment.models] == ["Other", "wide"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("extends: wide\n", "a circle"), ("extends: pair\n", "a circle"), ("extends: nobody\n", "no such file")],
)
def test_files_that_lead_in_a_circle_or_nowhere_are_refused(mine, text, found):
    (mine.parent / "models/wide.yaml").write_text(text)
    (mine.parent / "models/pair.yaml").write_text("extends: wide\n")
    with pytest.raises(InputError) as caught:
        load_experiment(mine)
    assert caught.value.found == found


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIG / "examples").glob("*.yaml")))
def test_the_name_of_a_shipped_example_leads_to_the_command_that_writes_it(mine, name):
    with pytest.raises(InputError) as caught:
        load_experiment(f"{name}.yaml")
    assert f"neuroquant example {name} > {name}.yaml" in caught.value.remedy
    with pytest.raises(InputError) as caught:
        resolve_experiment({"cohorts": ["ixi"], "models": ["neuroqant"]}, mine.parent, "x")
    assert "did you mean 'neuroquant'" in caught.value.remedy, "a shipped model"
