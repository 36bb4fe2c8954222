"""What tables and figures show follows from models and cohorts, as far as an experiment doesn't say it."""

from pathlib import Path

import pytest

from neuroquant.config.load import resolve_experiment

HERE = Path(__file__).parents[2] / "config"


def shown(models, **more):
    """Models of Table 1, of Table 2 and of Figure 4."""
    raw = {"experiment": "mine", "cohorts": ["synthetic_a", "synthetic_b"], "models": models, **more}
    experiment = resolve_experiment(raw, HERE, "mine.yaml")
    assert resolve_experiment(experiment.model_dump(mode="json"), HERE, "resolved") == experiment
    return experiment


@pytest.mark.parametrize(
    ("models", "table1", "table2", "figure4"),
    [
        (  # the paper's order: the chain ends with the full model, the figure begins with it
            ["sd_vae", "neuroquant", "neuroquant_wo_joint", "neuroquant_base", "neuroquant_cross", "mean"],
            ["sd_vae", "neuroquant", "neuroquant_wo_joint", "mean"],
            ["neuroquant_base", "neuroquant_cross", "neuroquant"],
            ["neuroquant", "neuroquant_cross", "neuroquant_base"],
        ),
        (["mean", "sd_vae", "neuroquant"], ["mean", "sd_vae", "neuroquant"], [], ["neuroquant"]),
        # without its full model an ablation is a model like any other
        (["mean", "neuroquant_base"], ["mean", "neuroquant_base"], [], ["neuroquant_base"]),
        (["mean", "sd_vae"], ["mean", "sd_vae"], [], ["sd_vae"]),
        (["mean", "pca"], ["mean", "pca"], [], ["mean"]),
        (  # of a builder's own
            ["neuroquant", "sd_vae", {"name": "small", "architecture": "baselines.sd_vae", "ablation_of": "sd_vae"}],
            ["neuroquant", "sd_vae"],
            ["small", "sd_vae"],
            ["sd_vae", "small"],
        ),
        (  # no model is left out
            [
                "neuroquant",
                "neuroquant_base",
                "sd_vae",
                {"name": "small", "architecture": "baselines.sd_vae", "ablation_of": "sd_vae"},
            ],
            ["neuroquant", "sd_vae", "small"],
            ["neuroquant_base", "neuroquant"],
            ["neuroquant", "neuroquant_base"],
        ),
    ],
    ids=["paper", "no ablation", "base alone", "baselines", "references", "own", "two full models"],
)
def test_ablations_are_table_2_and_all_others_table_1(models, table1, table2, figure4):
    experiment = shown(models)
    assert list(experiment.table1.models) == table1
    assert list(experiment.table2.models) == table2
    assert list(experiment.figure4.models) == figure4


def test_the_comparison_is_made_on_all_cohorts_and_the_rest_on_the_first():
    experiment = shown(["neuroquant", "neuroquant_base"])
    assert experiment.table1.cohorts == ("synthetic_a", "synthetic_b")
    assert experiment.table2.cohorts == ("synthetic_a",) and experiment.figure4.cohort == "synthetic_a"


def test_what_an_experiment_says_stands_and_the_rest_follows():
    more = {"table1": {"models": ["neuroquant_base"]}, "figure4": {"cohort": "synthetic_b"}}
    experiment = shown(["neuroquant", "neuroquant_base", "mean"], **more)
    assert experiment.table1.models == ("neuroquant_base",) and len(experiment.table1.cohorts) == 2
    assert experiment.figure4.cohort == "synthetic_b"
    assert experiment.figure4.models == ("neuroquant", "neuroquant_base")
