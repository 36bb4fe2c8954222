"""Any modalities through preprocessing: aligned to one of them, checked against it, columns of QC for each."""

import numpy as np
import pytest

from neuroquant.config.volume import Volume
from neuroquant.scans.unusable import Unusable
from neuroquant.tables import qc_columns
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.plausible import Looks, swapped
from neuroquant.volumes.preprocess import prepare
from neuroquant.volumes.steps import STEPS, steps_of
from neuroquant.volumes.work import Preprocessing
from tests.volumes.heads import BALLS, Shard, ball
from tests.volumes.test_align import head, shifted

THREE = ("T1w", "T2w", "FLAIR")


@pytest.fixture
def triples(tmp_path):
    """A shard of sessions with three modalities."""
    return Shard(tmp_path, THREE)


def test_a_session_has_a_volume_per_modality_in_the_order_of_the_experiment(triples):
    triples.add("a"), triples.add("b").update(T1w="")
    volumes, qc, excluded = triples.run(registration_target="FLAIR")
    assert excluded.empty and list(qc.columns) == qc_columns(THREE)
    assert [(record.subject, record.modality) for record in volumes.records] == [
        ("a", "T1w"), ("a", "T2w"), ("a", "FLAIR"), ("b", "T2w"), ("b", "FLAIR"),
    ]  # fmt: skip
    assert list(qc.target) == ["FLAIR", "FLAIR"] and qc.T1w_high[1] == qc.T1w_hash[1] == "" and qc.FLAIR_hash[1]


def test_the_target_is_the_first_that_a_session_has(triples):
    triples.add("a"), triples.add("b").update(T1w="")
    assert list(triples.run()[1].target) == ["T1w", "T2w"]


def test_one_modality_alone_has_nothing_to_be_compared_with(tmp_path):
    shard = Shard(tmp_path, ("PDw",))
    shard.add("a")
    volumes, qc, excluded = shard.run()
    assert excluded.empty and len(volumes) == 1 and qc.target[0] == "PDw" and qc.PDw_mirrored[0] == ""


@pytest.mark.parametrize("target", ["T1w", "FLAIR"])
def test_every_other_image_comes_onto_the_target_and_says_how_far(triples, target):
    row = triples.add("a")
    for number, name in enumerate(THREE):
        scan = head(shifted((6.0 * number, 0.0, 0.0), 0.0), invert=name == "T2w")
        triples.write(row[name], np.where(scan.data > 20, scan.data, 0) * (1 + number), scan.affine)
    volumes, qc, excluded = triples.run(shape=(48, 48, 48), registration="all", registration_target=target)
    assert excluded.empty and qc.target[0] == target and qc[f"{target}_registered"][0] == ""
    for number, name in enumerate(THREE):
        if name != target:
            apart = 6.0 * abs(number - THREE.index(target))
            assert qc[f"{name}_registered"][0] == "yes"
            assert float(qc[f"{name}_shift_mm"][0]) == pytest.approx(apart, abs=0.7)
    inside = volumes.read("mask", 0) > 0
    one, _, three = (volumes.read("image", index).astype(float)[inside] for index in range(3))
    assert np.corrcoef(one, three)[0, 1] > 0.9, "images of one contrast lie on one another"


def test_an_image_under_two_names_is_named_with_both(triples):
    row = triples.add("a")
    row["FLAIR"] = row["T2w"]
    _, _, excluded = triples.run()
    assert excluded.reason[0] == "T2w and FLAIR are the same image: copy the right one"


def test_any_pair_of_modalities_may_be_checked_for_swapped_names():
    brain = ball()
    depth = np.linspace(0, 1, brain.shape[0])[:, None, None] * np.ones(brain.shape)
    looks = Looks({}, {"T1ce": -0.4, "FLAIR": 0.1})
    assert swapped(looks, "T1ce", "FLAIR").startswith("T1ce and FLAIR look swapped")
    assert swapped(looks, "FLAIR", "T1ce") == swapped(looks, "T1w", "FLAIR") == ""
    assert set(Looks.of({"PDw": depth}, brain, 2.0).inward) == {"PDw"}


def test_the_steps_that_the_settings_ask_for_have_names_of_their_own():
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    plain, full = steps_of(Volume(pair_check=False)), steps_of(Volume(n4=True, oversize="rescale"))
    assert len(plain) < len(full) == len(STEPS) and {"bias correction", "rescaling"} <= {step.name for step in full}


def test_a_scan_that_cannot_be_used_says_at_which_step(triples):
    row = triples.add("a", T2w=np.zeros(ball().shape, np.float32))
    how = Preprocessing(triples.root, Volume(**BALLS), THREE)
    with pytest.raises(Unusable) as error:
        prepare(SessionRow({name: row[name] for name in THREE}), how)
    assert error.value.step == "reading" and error.value.file == row["T2w"]
