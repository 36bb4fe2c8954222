"""Make a trained model one that the package brings along: 16-bit weights, scores on real scans, a model card.

    NEUROQUANT_TESTDATA=... python benchmarks/ship_model.py MODELS NAME OUT [--volumes FILE.npz] [--pictures FOLDER]

MODELS is as for `benchmarks/pretrained.py`: its `neuroquant` is shipped as NAME, and the others are scored beside it.
OUT is neuroquant/pretrained/NAME. Nothing is written of a model that isn't above `mean` in every modality.
"""

import argparse
import shutil
from pathlib import Path

import pandas as pd
import pretrained
import torch
from safetensors.torch import load_file, save_file

from neuroquant.config.plain import read_json
from neuroquant.files import sha256, write_json, write_text, write_tsv, written_whole
from neuroquant.model_card.facts import Data, Scores, facts_of
from neuroquant.model_card.text import measured
from neuroquant.model_card.write import CARD, card_of
from neuroquant.model_config import CONFIG, PROVENANCE, SHA256, WEIGHTS

FIRST = "neuroquant"
RESERVOIR = 64
"""Recent tokens that a shipped codebook keeps. They only serve further training; 8 a code is a fifth of a file."""
STATE = ("quantizer.total", "quantizer.recent")
"""Sums and tokens of training, which no image is made of: 16 bits are enough."""
SCORES = "scores.tsv"
DECIMALS = {"kbit": 3, "psnr": 2, "ssim": 4}
SYNTHETIC_ONLY = (
    "It has only seen synthetic brains: its scores show that the workflow runs, and say nothing of real scans."
)
MADE_OF = (
    "It has only seen synthetic brains: deformations of the ICBM 2009 templates and of 16 label maps of adults "
    "(SynthSeg's training maps, Apache-2.0). Lesions, tumours, implants and children's brains aren't among them.\n"
    "- It works at {voxel_mm:g} mm: folds and small structures are blurred, and what is smaller than a voxel "
    "is lost. It is for trying NeuroQuant, not for research results.\n"
    "- In T2w fluid is decoded too dark, and in FLAIR the ventricles are blurred.\n"
    "- `translate` runs, but doesn't change the contrast as it should: fluid of a T1w scan stays dark as T2w."
)
"""What the card says of its limits, and what takes the place of that once it is scored on real scans."""


def halved(folder: Path, name: str, out: Path) -> None:
    """A copy of a model folder with another name and parameters in 16 bits; the codebook stays as it is."""
    model = pretrained.load_model(folder)[0]
    parameters = dict(model.named_parameters())
    state = load_file(folder / WEIGHTS)
    state["quantizer.recent"] = state["quantizer.recent"][-RESERVOIR:].clone()
    state["quantizer.filled"].clamp_(max=RESERVOIR)
    state = {key: tensor.half() if key in (*parameters, *STATE) else tensor for key, tensor in state.items()}
    if not all(torch.isfinite(tensor).all() for tensor in state.values() if tensor.is_floating_point()):
        raise SystemExit(f"{folder}: weights that 16 bits don't hold")
    out.mkdir(parents=True, exist_ok=True)
    with written_whole(out / WEIGHTS) as scratch:
        save_file(state, scratch)
    config = read_json(folder / CONFIG)
    config["model"] |= {"name": name.replace("-", "_"), "label": name}
    config["model"]["parameters"]["reservoir"] = RESERVOIR
    write_json(out / CONFIG, config | {SHA256: sha256(out / WEIGHTS)})
    for other in (PROVENANCE, "training.tsv"):
        shutil.copyfile(folder / other, out / other)


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean PSNR and SSIM of each modality and model, with the number of scans."""
    groups = table.groupby(["modality", "model"], sort=False)
    return groups.agg(kbit=("kbit", "first"), psnr=("psnr", "mean"), ssim=("ssim", "mean"), scans=("scan", "size"))


def section(table: pd.DataFrame, weights: str) -> str:
    """The card's scores, in words and a table."""
    rows = [
        f"| {modality} | {model} | {row.kbit:,.4g} | {row.psnr:.2f} | {row.ssim:.3f} | {int(row.scans)} |"
        for (modality, model), row in means(table).iterrows()
    ]
    subjects = table.scan.str.split("_").str[0].nunique()
    how = (
        f"On real scans of {subjects} subjects, none of which was used in training: mean of whole volumes. `mean` "
        "is the mean training image, `pca` its principal components, and `lowpass_N` are means over cubes of N voxels, "
        f"interpolated back (float32). `{SCORES}` has the numbers of every scan."
    )
    head = ["| modality | model | kbit per volume | PSNR, dB | SSIM | scans |", "|---|---|---|---|---|---|"]
    belong = f"These numbers belong to the weights with SHA-256 `{weights}`."
    return "\n".join([how, "", *head, *rows, "", belong])


def card(name: str, out: Path, table: pd.DataFrame, sessions: int) -> str:
    """The model card."""
    facts = facts_of(out)
    suffixes = facts.entry.suffixes
    data = Data(2, sessions, sessions, dict.fromkeys(suffixes, sessions), synthetic=True)
    text = str(card_of(facts.of(facts.entry, data), "apache-2.0"))
    own = {
        measured(Scores()): section(table, sha256(out / WEIGHTS)),
        SYNTHETIC_ONLY: MADE_OF.format(**facts.provenance),
        'neuroquant.load("FOLDER")  # this folder, or owner/name on the hub': f'neuroquant.load("{name}")',
        "trained by this workflow.": "trained by this workflow with config/examples/synthetic_coarse.yaml.",
    }
    for old, new in own.items():
        if text.count(old) != 1:
            raise SystemExit(f"the card has another text than expected: {old!r}")
        text = text.replace(old, new)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("name")
    parser.add_argument("out", type=Path)
    parser.add_argument("--volumes", type=Path, help="where prepared volumes are kept for the next run")
    parser.add_argument("--pictures", type=Path, help="folder that receives a picture of each modality")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    scratch = arguments.out.with_name(f".{arguments.out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    halved(arguments.models / FIRST, arguments.name, scratch)
    volumes = pretrained.prepared(scratch, arguments.volumes)
    models = pretrained.to_score(arguments.models) | {FIRST: pretrained.load_model(scratch)[0]}
    table = pretrained.scores(models, volumes, FIRST, arguments.pictures)
    table["model"] = table.model.replace(FIRST, arguments.name)
    found = means(table).psnr.unstack()
    print(found.round(2).to_string())
    if (found[arguments.name] <= found["mean"]).any():
        raise SystemExit(f"{arguments.name} isn't above the mean training image in every modality: not shipped")
    write_tsv(table.round(DECIMALS), scratch / SCORES)
    sessions = read_json(scratch / PROVENANCE)["sessions"]
    write_text(scratch / CARD, card(arguments.name, scratch, table.round(DECIMALS), sessions))
    shutil.rmtree(arguments.out, ignore_errors=True)
    scratch.rename(arguments.out)


if __name__ == "__main__":
    main()
