"""A table of scores that is missing, empty or without numbers leaves what is made of it empty, and the log says so."""

import pytest

from neuroquant.files import read_tsv, write_tsv
from neuroquant.report.figures import figure4
from neuroquant.report.figures.figure3 import draw
from neuroquant.report.figures.images import Images
from neuroquant.report.pages.front_words import truth_sentence
from neuroquant.statistics.agreement import agreement, differences, structures
from neuroquant.statistics.choice import median_session, sessions_to_view
from neuroquant.statistics.numbers import read_numbers
from tests.made_up import computed_of, scores_of

NUMBER = {"fidelity": "value", "dice": "dice", "dice_truth": "dice", "regions": "mm3"}


def fidelity_scores(folder, experiment):
    return set(scores_of(folder, experiment).metric) & {"psnr", "ssim"}


def overlap_scores(folder, experiment):
    return set(scores_of(folder, experiment).metric) & {"dice"}


def deviations(folder, experiment):
    return {name for name in scores_of(folder, experiment).metric if name.startswith("deviation")}


def volumes(folder, experiment):
    return set(agreement(differences(read_numbers("regions", folder / "regions.tsv", "mm3"))).model)


def overlap_by_structure(folder, experiment):
    table = structures(
        experiment, read_numbers("dice", folder / "dice.tsv", "dice", "nsd"), computed_of(folder, experiment).cells
    )
    return set(table.model[table.dice.notna()])


def session_of_figure_3(folder, experiment):
    return median_session(folder / "fidelity.tsv", "synthetic_a", "neuroquant")


def sessions_of_the_viewer(folder, experiment):
    return sessions_to_view(folder / "fidelity.tsv", "synthetic_a", "neuroquant")


def segmenters_quality(folder, experiment):
    return "mean Dice" in truth_sentence(folder / "dice_truth.tsv")


def drawn_volumes(folder, experiment):
    figure4.draw(folder / "regions.tsv", experiment, folder / "figure4.svg")
    return "no volumes: no engine was run" not in (folder / "figure4.svg").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["missing", "empty", "without numbers"])
@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("fidelity", fidelity_scores),
        ("fidelity", session_of_figure_3),
        ("fidelity", sessions_of_the_viewer),
        ("dice", overlap_scores),
        ("dice", overlap_by_structure),
        ("dice_truth", segmenters_quality),
        ("regions", deviations),
        ("regions", volumes),
        ("regions", drawn_volumes),
    ],
)
def test_what_is_made_of_a_table_that_is_not_whole_stays_empty(
    tmp_path, experiment, numbers, capsys, kind, read, fault
):
    numbers(tmp_path, experiment, subjects=3)
    write_tsv(read_tsv(tmp_path / "dice.tsv").assign(nsd=0.9), tmp_path / "dice_truth.tsv")
    path = tmp_path / f"{kind}.tsv"
    assert read(tmp_path, experiment), "of the whole table something is made"
    capsys.readouterr()
    if fault == "missing":
        path.unlink()
    elif fault == "empty":
        path.write_text("")
    else:
        write_tsv(read_tsv(path).drop(columns=NUMBER[kind]), path)
    assert not read(tmp_path, experiment)
    said = capsys.readouterr().err
    assert f"{kind}.tsv: " in said and (f"no column {NUMBER[kind]}" if fault == "without numbers" else fault) in said


def test_figure_3_without_scores_says_so_instead_of_images(tmp_path):
    draw(Images([], {"m": []}), {"m": "M"}, ("T1w", "T2w"), None, {}, [tmp_path / "figure3.svg"])
    assert "nothing to show: no test session was scored" in (tmp_path / "figure3.svg").read_text()
