"""What people see, and when a training gives up."""

import pytest
import torch

from neuroquant.errors import InputError
from neuroquant.files import read_tsv
from neuroquant.training.health import check
from neuroquant.training.progress import Progress


def follow(tmp_path, monkeypatch, seconds):
    """A Progress on a clock that goes on by `seconds` a step."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lines = []
    progress = Progress("model", 100, [], tmp_path / "training.tsv", lines.append)
    progress.enter(0, "3d", 2, 80, 0)

    def step(number):
        now[0] += seconds
        progress.add(number, {"l1": torch.tensor(0.5), "ssim": torch.tensor(0.25)}, torch.tensor(2.0))

    return progress, step, lines, now


def logged(step, perplexity, mode="3d", **changes):
    return {"step": step, "mode": mode, "loss": 1.0, "grad_norm": 1.0, "perplexity": perplexity, **changes}


def test_a_line_comes_every_few_seconds_even_between_rows_of_the_log(tmp_path, monkeypatch):
    _, step, lines, _ = follow(tmp_path, monkeypatch, 2.0)
    for number in range(1, 10):
        step(number)
    assert len(lines) == 3
    assert lines[0] == (
        "model [--------------------]   3 % step 3/100 (3d)  "
        "loss 0.7500  [l1 0.5000 ssim 0.2500]  2.0 s/step  0:02:34 left in phase 1/2"
    )


def test_scoring_and_saving_are_not_counted_as_time_of_a_step(tmp_path, monkeypatch):
    progress, step, _, now = follow(tmp_path, monkeypatch, 2.0)
    for number in (1, 2):
        step(number)
    now[0] += 500
    progress.row(2, 1e-4, {})
    progress.pause_over()
    step(3)
    progress.row(3, 1e-4, {})
    assert [row["seconds"] for row in progress.rows] == [2.0, 2.0] and progress.seconds() == 6.0


def test_the_table_is_kept_up_to_date_while_training_goes_on(tmp_path, monkeypatch):
    progress, step, _, _ = follow(tmp_path, monkeypatch, 6.0)
    step(1)
    progress.row(1, 1e-4, {"perplexity": 3.0})
    table = read_tsv(tmp_path / "training.tsv", ("loss", "lr"))
    assert list(table.columns[:4]) == ["step", "phase", "mode", "loss"]
    assert table.loss[0] == 0.75 and table.grad_norm[0] == "2" and table.lr[0] == 1e-4


def test_a_term_is_averaged_over_the_steps_that_had_it_and_the_loss_over_all(tmp_path, monkeypatch):
    progress, step, _, _ = follow(tmp_path, monkeypatch, 1.0)
    for number in (1, 2, 3):
        step(number)
    progress.add(4, {"l1": torch.tensor(0.5), "cross": torch.tensor(0.4)}, torch.tensor(2.0))
    row = progress.row(4, 1e-4, {})
    assert row["cross"] == pytest.approx(0.4) and row["ssim"] == 0.25 and row["l1"] == 0.5
    assert row["loss"] == pytest.approx((3 * 0.75 + 0.9) / 4)
    step(5)
    assert "cross" not in progress.row(5, 1e-4, {})


@pytest.mark.parametrize("bad", [{"loss": float("nan")}, {"grad_norm": float("inf")}])
def test_numbers_that_are_not_finite_stop_the_training(bad):
    with pytest.raises(InputError, match=r"lower training.phases\[\].lr"):
        check("model", [logged(1, 5.0), logged(2, 5.0, **bad)])
