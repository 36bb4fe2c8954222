"""Each value of a curve is an entry of its own that no table shows; curves that can't be meant are refused."""

import pytest

from neuroquant.config.load import resolve_experiment
from neuroquant.config.parts import without_names
from neuroquant.errors import InputError
from neuroquant.shipped import CONFIG

PCA = {"name": "pca", "label": "PCA", "architecture": "baselines.pca", "training": {"phases": []}}


def resolved(*entries, **experiment):
    raw = {"cohorts": ["synthetic_a"], "models": list(entries), "volume": {"shape": [48, 64, 48]}, **experiment}
    return resolve_experiment(raw, CONFIG, "mine.yaml")


def test_each_value_is_a_model_of_its_own_that_no_table_shows():
    experiment = resolved(
        "neuroquant", "mean", PCA | {"curve": {"components": [4, 500]}, "parameters": {"components": 8}}
    )
    assert experiment.points("pca") == ("pca", "pca_components4", "pca_components500")
    assert [experiment.model(name).parameters["components"] for name in experiment.points("pca")] == [8, 4, 500]
    assert experiment.points("mean") == ("mean",)
    assert experiment.table1.models == ("neuroquant", "mean", "pca")
    assert experiment.model("pca_components4").shown == "PCA (components 4)"
    assert resolve_experiment(experiment.model_dump(mode="json"), CONFIG, "again.yaml") == experiment
    named = {"table1": {"models": ["neuroquant", "pca", "pca_components4"]}}
    assert "pca_components4" in resolved("neuroquant", PCA | {"curve": {"components": [4]}}, **named).table1.models


def test_points_keep_what_they_state_and_the_model_itself_may_not_spend_more_than_the_full_one():
    codec = {
        "name": "j",
        "architecture": "baselines.jpeg2000",
        "training": {"phases": []},
        "curve": {"kbit": [0.5, 40]},
    }
    experiment = resolved("neuroquant", codec, PCA | {"curve": {"components": [5000]}})
    assert [experiment.model(name).parameters["kbit"] for name in ("j_kbit0_5", "j_kbit40")] == [0.5, 40]
    assert experiment.model("j").parameters["kbit"] == pytest.approx(1.456), "36 codes of 12 bits, 32 numbers of 32"
    assert experiment.model("pca").parameters["components"] == 64
    assert experiment.model("pca_components5000").parameters["components"] == 5000


def test_a_curve_leaves_the_model_itself_as_it_was():
    with_curve = resolved("neuroquant", PCA | {"curve": {"components": [4]}}).model("pca")
    assert with_curve == resolved("neuroquant", PCA).model("pca")
    assert without_names(with_curve).curve_of == ""


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ("many", "one parameter and a list"),
        ([4, 8], "one parameter and a list"),
        ({"components": 4}, "one parameter and a list"),
        ({"components": []}, "one parameter and a list"),
        ({"components": [4, 4]}, "one parameter and a list"),
        ({"components": [4, "8"]}, "one parameter and a list"),
        ({"components": [True]}, "one parameter and a list"),
        ({"components": [4], "shape": [4]}, "one parameter and a list"),
        ({"components": [0]}, "greater than or equal to 1"),
        ({"components": [2.5]}, "integer"),
        ({"width": [4]}, "no parameter of the model"),
    ],
)
def test_curves_that_cant_be_meant_are_refused_with_their_key(curve, words):
    with pytest.raises(InputError, match=words) as error:
        resolved("neuroquant", PCA | {"curve": curve})
    assert "curve" in str(error.value).splitlines()[0]


def test_a_rate_of_nothing_is_refused_in_a_curve_too():
    codec = {"name": "j", "architecture": "baselines.jpeg2000", "training": {"phases": []}, "curve": {"kbit": [5, 0]}}
    with pytest.raises(InputError, match="kbit per volume from 0.1") as error:
        resolved("neuroquant", codec)
    assert "curve.kbit\n" in str(error.value)


def test_a_trained_model_has_no_curve_and_a_point_is_one_of_a_model():
    with pytest.raises(InputError, match="a model that isn't trained"):
        resolved({"name": "mine", "architecture": "neuroquant", "curve": {"c_m": [8]}})
    with pytest.raises(InputError, match="must name a model of the experiment"):
        resolved("neuroquant", PCA | {"curve_of": "mean"})
