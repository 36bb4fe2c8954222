"""Equal-time training at 1 mm from label maps: the full model, its ablations, `mean` and `pca`, with pictures.

    python benchmarks/gpu/quality.py DATA OUT SECONDS [MODEL[+key=value] ...]

DATA is what `data.py` wrote. Each MODEL is written as for `benchmarks/time_to_quality.py`, whose functions train and
score. Writes `quality.tsv` (a line for each training and set of scored volumes) and a picture of each model into OUT.
"""

import sys
from pathlib import Path
from typing import Any

import time_to_quality as quality
import torch
from entries import load_models, with_phase
from pretrained import picture
from record import DEVICE, SMALL, Record, card
from requested import requested
from virtual_data import Data

from neuroquant.training.data import Sessions

MODELS = ("neuroquant", "neuroquant_base", "neuroquant_film", "neuroquant+optimizer=muon+lr=1.5e-3", "neuroquant_fma")
PAIRS = 1 if SMALL else 2
SHOWN = 2
"""Sessions of a picture."""


def sessions_in(folder: Path) -> Sessions:
    """All shards of a folder."""
    return Sessions(sorted(folder.glob("*.h5")))


@torch.no_grad()
def drawn(run: quality.Run, sessions: Sessions, path: Path) -> None:
    """Originals beside reconstructions, an image of a session in each row."""
    run.model.eval()
    rows = []
    for number in range(min(SHOWN, len(sessions))):
        batch = sessions.volumes([number]).to(DEVICE)
        again = run.model.decode(run.model.encode(batch.x, batch.modality), batch.modality).clamp(-1, 1)
        pairs = zip(batch.x[:, 0].cpu().numpy(), again[:, 0].float().cpu().numpy(), strict=True)
        rows += [[one, other] for one, other in pairs]
    picture(rows, path)


def main() -> None:
    folder, out, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    scored = {name: sessions_in(folder / name) for name in ("held_out", "real") if any((folder / name).glob("*.h5"))}
    data = Data(sessions_in(folder / "train"), scored)
    record = Record(out / "quality.jsonl", 10**6)
    with open(out / "quality.tsv", "w", encoding="utf-8") as file:
        print(*quality.COLUMNS, sep="\t", file=file, flush=True)

        def show(line: dict[str, Any]) -> None:
            print(*(line.get(column, "") for column in quality.COLUMNS), sep="\t", file=file, flush=True)
            print(line, flush=True)

        def trained(text: str) -> dict[str, Any]:
            name, entry, _ = requested(text, SMALL, 1)
            entry = with_phase(entry, batch=PAIRS, warmup=min(entry.training.phases[0].warmup, 30))
            run = quality.Run(name, entry, data, DEVICE, show, seconds)
            run.go(2, start_share=0.3)
            for kind, sessions in scored.items():
                drawn(run, sessions, out / f"{name}_{kind}.png")
            return {"steps": run.step, "s_per_step": round(run.spent / run.step, 4)}

        for entry in load_models(quality.FITTED, SMALL):
            record.part(entry.name, lambda entry=entry: quality.fit(entry, data, DEVICE, show) or card())
        for text in sys.argv[4:] or MODELS:
            record.part(text, lambda text=text: trained(text), most_s=3 * seconds + 60)


if __name__ == "__main__":
    main()
