"""One training from one JSON file: `torchrun --nproc-per-node 2 -m neuroquant.training job.json`.

The file is a `JobFile`, with the model and the volume as the workflow resolves them. Without torchrun, one
process trains. Stopped by a signal, the same command goes on from the last step.
"""

import sys
from pathlib import Path

from neuroquant.device import resolve_device
from neuroquant.errors import InputError
from neuroquant.files import write_json
from neuroquant.training.distributed import joined
from neuroquant.training.job_file import failure_of, read_job
from neuroquant.training.run import train


def main(arguments: list[str]) -> None:
    """Train what the file says, on all processes that torchrun has started."""
    if len(arguments) != 1:
        raise SystemExit("usage: [torchrun --nproc-per-node N -m | python -m] neuroquant.training job.json")
    path = Path(arguments[0])
    try:
        job = read_job(path)
        device = resolve_device(job.device)
        with joined(device) as world:
            try:
                train(job.model_copy(update={"device": device}), world)
            except InputError as error:  # torchrun tells the one that started it no more than a status
                if world.size > 1:
                    write_json(failure_of(path), vars(error))
                raise
    except InputError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
