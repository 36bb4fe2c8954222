"""The configuration: one source, unknown keys refused, every error names file, key and remedy."""

import datetime
import math
import pathlib

import pytest
import yaml

from neuroquant import models
from neuroquant.config.cohort import Cohort
from neuroquant.config.document import documents
from neuroquant.config.load import load_experiment, merge, read_yaml, resolve_experiment
from neuroquant.config.model import Training, Weights
from neuroquant.errors import InputError

CONFIG = pathlib.Path(__file__).parents[2] / "config"


def demo() -> dict:
    return yaml.safe_load((CONFIG / "demo.yaml").read_text())


def test_the_committed_yaml_and_schemas_follow_from_the_typed_source():
    for name, text in documents().items():
        assert (CONFIG / name).read_text() == text, f"config/{name} has drifted: python -m neuroquant.config.document"


def test_the_paper_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("NCANDA_ROOT", str(tmp_path))
    monkeypatch.setenv("ABCD_ROOT", str(tmp_path))
    experiment = load_experiment(CONFIG / "config.yaml", CONFIG)
    assert experiment.volume.shape == (144, 192, 144)
    phases = experiment.model("neuroquant").training.phases
    assert [(phase.mode, phase.steps, phase.batch) for phase in phases] == [("3d", 100_000, 4), ("2d", 25_000, 128)]
    assert phases[0].lr == 1e-4 and phases[0].lr_end == phases[1].lr == phases[1].lr_end == 4.5e-6


def test_without_joint_training_only_volumes_are_trained_on():
    experiment = load_experiment(CONFIG / "demo.yaml", CONFIG)
    assert {phase.mode for phase in experiment.model("neuroquant_wo_joint").training.phases} == {"3d"}
    assert {phase.mode for phase in experiment.model("neuroquant").training.phases} == {"3d", "2d"}


def test_table_2_adds_one_component_at_a_time():
    experiment = load_experiment(CONFIG / "demo.yaml", CONFIG)
    rows = [experiment.model(name) for name in experiment.table2.models]
    switches = [
        (row.parameters["attention"], row.parameters["film"], row.objective.cross > 0, row.objective.adversary > 0)
        for row in rows
    ]
    assert [sum(row) for row in switches] == [0, 1, 2, 3, 4]
    assert switches[1] == (True, False, False, False)
    assert switches[2] == (True, True, False, False)
    assert switches[3] == (True, True, True, False)


def test_resolving_a_resolved_experiment_changes_nothing():
    experiment = load_experiment(CONFIG / "demo.yaml", CONFIG)
    again = resolve_experiment(experiment.model_dump(mode="json"), CONFIG, "resolved")
    assert again == experiment


def test_what_older_files_say_of_compile_is_understood():
    found = [Training.model_validate({"compile": value}).compile for value in (True, False, "norms")]
    assert found == ["blocks", "nothing", "norms"]


def test_an_override_brings_no_term_back_that_an_ablation_leaves_out():
    experiment = resolve_experiment(
        merge(demo(), {"overrides": {"neuroquant": {"objective": {"cross": 2.0}}}}), CONFIG, "x"
    )
    weights = {entry.name: entry.objective.cross for entry in experiment.models if entry.architecture == "neuroquant"}
    with_it = {"neuroquant", "neuroquant_wo_joint", "neuroquant_cross"}
    assert {name for name, weight in weights.items() if weight} == with_it and set(weights.values()) == {0.0, 2.0}


def test_pca_has_no_more_components_than_the_full_models_bits_pay_for():
    """Of the demo's volumes, 16 fewer a side; the bits of whatever model is the first of figure4.models count."""
    tokens = {"channels": [8, 8, 8, 8], "attention_blocks": [4], "heads": 2, "codebook_size": 16, "c_m": 4}
    small = {**demo(), "volume": {"shape": [32, 32, 32]}, "overrides": {"neuroquant": {"parameters": tokens}}}
    small["models"] = [name for name in small["models"] if name not in ("jpeg2000", "dct")]  # which need known bits
    with_z_mod = resolve_experiment(small, CONFIG, "x")
    full, pca = with_z_mod.model("neuroquant"), with_z_mod.model("pca")
    kept = models.latent_shapes("neuroquant", full.parameters, (32, 32, 32))["indices"]
    bits = math.prod(kept) * 4 + 32 * 4
    assert pca.parameters["components"] == bits // 16 < 64
    small["figure4"] = {**small["figure4"], "models": ["neuroquant_base", "neuroquant"]}
    assert resolve_experiment(small, CONFIG, "x").model("pca").parameters["components"] == (bits - 32 * 4) // 16
    small["figure4"]["models"] = ["sd_vae"]
    assert resolve_experiment(small, CONFIG, "x").model("pca").parameters["components"] == 64


def blocks(channels: list[int], attention: list[int] | None = None, **training) -> dict:
    """A change of the number of NeuroQuant's blocks, of those with attention, and of its schedule."""
    parameters = {"channels": channels, "attention_blocks": attention}
    return {"overrides": {"neuroquant": {"parameters": parameters, "training": training}}}


def nested(depth: int) -> dict:
    """A mapping in a mapping in a mapping."""
    value: dict = {}
    for _ in range(depth):
        value = {"a": value}
    return value


CIRCLE: list = []
CIRCLE.append({"a": CIRCLE})
BOMB: list = [0] * 10
for _ in range(9):
    BOMB = [BOMB] * 10


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"volum": {}}, "volum", "did you mean `volume`"),
        ({"probe": {"epoch": 3}}, "probe.epoch", "did you mean `epochs`"),
        ({"probe": {"epochs": "many"}}, "probe.epochs", "'many'"),
        ({"volume": {"shape": [48, 62, 48]}}, "volume.shape", "multiple of"),
        ({"split": {"train": 0.9, "val": 0.2, "test": 0.2}}, "split", "must be 1"),
        ({"overrides": {"neuroquan": {}}}, "overrides.neuroquan", "did you mean `neuroquant`"),
        ({"overrides": {"neuroquant": {"parameters": {"chanels": [8]}}}}, "parameters.chanels", "`channels`"),
        ({"overrides": {"neuroquant": {"parameters": {"start_after": 600}}}}, "neuroquant.yaml", "never start"),
        (blocks([16]), "neuroquant.yaml: parameters.channels", "at least 2 entries, not 1"),
        (blocks([8] * 6), "neuroquant.yaml: parameters.channels", "at most 5 entries, not 6"),
        (blocks([16, 64], [3]), "neuroquant.yaml: parameters", "attention_blocks names block 3, but channels has 2"),
        (blocks([16, 64], [0]), "neuroquant.yaml: parameters.attention_blocks.0", "greater than or equal to 1"),
        (blocks([16, 64]) | {"volume": {"shape": [56, 72, 62]}}, "demo.yaml: volume.shape", "a multiple of 4"),
        (blocks([8] * 5), "demo.yaml: volume.shape", "a multiple of 32: model neuroquant makes them 32 times smaller"),
        (
            blocks([16, 64], phases=[{"steps": 200, "crop": [32, 30, 32]}]),
            "model neuroquant, training.phases[0].crop",
            "each side a multiple of 4",
        ),
        ({"models": [*demo()["models"], "neuroquant"]}, "demo.yaml", "two models are named 'neuroquant'"),
        (
            {"models": [*demo()["models"], {"name": "mine", "label": "NeuroQuant", "architecture": "neuroquant"}]},
            "demo.yaml",
            "models neuroquant and mine are both shown as 'NeuroQuant'; give each a label of its own",
        ),
        (
            {"overrides": {"baselines.pca": {"parameters": {"components": 0}}}},
            "pca.yaml: parameters.components",
            "greater than or equal to 1",
        ),
        ({"models": ["sd_va"]}, "sd_va.yaml", "did you mean 'sd_vae'"),
        ({"table1": {"models": ["nobody"], "cohorts": ["synthetic_a"]}}, "demo.yaml", "nobody"),
        ({"volume": {"brain_mask": ["given", "given"]}}, "demo.yaml: volume.brain_mask", "each source once"),
        (
            {"volume": {"brain_mask": ["given", "synthseg"]}},
            "demo.yaml",
            "volume.brain_mask: synthseg needs a segmentation.engine",
        ),
        ({"compute": {"gpus": 3, "nodes": 2}}, "compute", "gpus must be a multiple of nodes"),
        ({"compute": {"gpus": 1024}}, "demo.yaml", "can't be dealt out among compute.gpus: 1024"),
        ({"cohorts": [{"name": "x", "root": "$NOT_SET_ANYWHERE/x"}]}, "root", "isn't set"),
        ({"volume": {"percentiles": [-5, 500]}}, "volume.percentiles", "greater than or equal to 0"),
        ({"volume": {"percentiles": [90, 10]}}, "volume.percentiles", "the lower percentile first"),
        ({"volume": {"shape": [10**9, 72, 64]}}, "volume.shape", "less than or equal to 1024"),
        ({"volume": {"voxel_mm": 1e-6}}, "volume.voxel_mm", "0.2 to 8 mm"),
        ({"shards": {"test": 10**9}}, "shards.test", "less than or equal to 1000"),
        ({"segmentation": {"structures": [0]}}, "segmentation.structures", "greater than or equal to 1"),
        ({"segmentation": {"surface_tolerance_mm": 50}}, "segmentation.surface_tolerance_mm", "less than or equal to"),
        ({"statistics": {"confidence": 1.0}}, "statistics.confidence", "less than 1"),
        ({"experiment": "x" * 300}, "experiment", "at most 64 characters"),
        *(
            ({"cohorts": [{"name": "x", "label": label}]}, "label", "pattern")
            for label in ("$x^{$", "a|b", "a<b", "`a`")
        ),
        ({"cohorts": [{"name": "x", "label": "two\nlines"}]}, "label", "pattern"),
        *(
            ({"cohorts": [{"name": "x", "subject_format": shape}]}, "subject_format", "where a subject's name")
            for shape in ("{x}", "", "IXI", "{}{}", "{", "{:d}", "{0.__class__}", "{!r}", "{:>1000000000}", "{:{}}")
        ),
        ({"models": [{"name": "a", "architecture": ["a"]}]}, "architecture", "a module's name"),
        ({"overrides": "none"}, "overrides", "a mapping"),
        ({"overrides": {"neuroquant": "none"}}, "overrides.neuroquant", "a mapping of changes"),
        ({"cohorts": [{"name": "x", "root": "a\0b"}]}, "root", "control character"),
        ({"report": {"title": "\ud800"}}, "title", "control character"),
        ({"probe": {"epochs": 10**4999}}, "probe.epochs", "bits"),
        ({"probe": {"epochs": datetime.date(2020, 1, 1)}}, "probe.epochs", "of type date"),
        ({"cohorts": [nested(1000)]}, "cohorts", "in each other"),
        ({"cohorts": CIRCLE}, "cohorts", "in each other"),
        ({"cohorts": BOMB}, "cohorts", "values"),
        ({"models": ["x" * 300]}, "xxx", "no such file"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_remedy(change, place, words):
    with pytest.raises(InputError) as caught:
        resolve_experiment(merge(demo(), change), CONFIG, "demo.yaml")
    assert place in caught.value.where
    assert words in str(caught.value)


def test_a_variant_is_shown_by_a_name_of_its_own_and_stands_for_no_model_of_the_paper(tmp_path):
    for path in (CONFIG / "models").glob("*.yaml"):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / path.name).write_text(path.read_text())
    (tmp_path / "models/wide.yaml").write_text("extends: neuroquant_film\nname: wide\nobjective: {ssim: 2.0}\n")
    raw = demo() | {"cohorts": [str(CONFIG / "cohorts" / f"{name}.yaml") for name in demo()["cohorts"]]}
    experiment = resolve_experiment(raw | {"models": [*raw["models"], "wide"]}, tmp_path, "demo.yaml")
    wide, parent = experiment.model("wide"), experiment.model("neuroquant_film")
    assert (wide.shown, wide.published_as) == ("wide", "") and parent.shown == parent.published_as == "+ M-FiLM"
    assert wide.parameters == parent.parameters and wide.objective.ssim == 2.0 and wide.objective.cross == 0


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1, 2\n")
    with pytest.raises(InputError, match="broken.yaml"):
        load_experiment(tmp_path / "broken.yaml", CONFIG)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "`a` stands twice"),
        ("volume: {shape: [1, 2, 3], shape: [4, 5, 6]}\n", "`shape` stands twice"),
        ("a: " + "9" * 5000, "not YAML"),
        ("[" * 1000, "not YAML"),
        ("{" * 100_000, "not YAML"),
        ("a: !!python/object:os.system {}\n", "not YAML"),
        ("a: \0b\n", "not YAML"),
        ("a: &a [*a]\n", "in each other"),
        ("x: &a {a: 1}\nb: {<<: [" + "*a, " * 1000 + "*a]}\n", "in one `<<`"),
        ("a: &a [1,2,3,4,5,6,7,8,9]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)), "values"),
        ("a: 1\n" * 400_000, "more than 1,000,000 bytes"),
        ("- a\n", "list"),
        ("", "NoneType"),
    ],
)  # fmt: skip
def test_yaml_that_is_no_configuration_is_refused_in_a_sentence(tmp_path, text, words):
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(InputError, match="odd.yaml") as caught:
        load_experiment(tmp_path / "odd.yaml", CONFIG)
    assert words in str(caught.value) and len(str(caught.value)) < 2000


def test_what_is_no_text_file_is_named(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "binary.yaml", tmp_path / ("x" * 300 + ".yaml"), pathlib.Path("a\0b.yaml")):
        with pytest.raises(InputError):
            load_experiment(path, CONFIG)


def test_keys_that_a_mapping_takes_over_may_be_set_anew(tmp_path):
    (tmp_path / "model.yaml").write_text("name: a\n<<: {label: Theirs}\nlabel: Ours\n")
    assert read_yaml(tmp_path / "model.yaml") == {"name": "a", "label": "Ours"}


def test_dates_and_plain_words_stay_text(tmp_path):
    (tmp_path / "a.yaml").write_text("root: 2013-05-01\n")
    assert read_yaml(tmp_path / "a.yaml") == {"root": "2013-05-01"}


@pytest.mark.parametrize("shape", ["{}", "IXI{:0>3}", "sub-{:03}", "{0:s}", "{:_<8}"])
def test_a_subject_format_may_fill_a_name_up(shape):
    assert Cohort(name="x", subject_format=shape).subject_format.format("7") != shape


@pytest.mark.parametrize("filename", ["../x.pt", "/etc/x.pt", "", "a/../../x.pt"])
def test_weights_are_looked_for_and_put_in_their_folder_alone(filename):
    with pytest.raises(ValueError, match="below the folder"):
        Weights(filename=filename, licence="MIT")
