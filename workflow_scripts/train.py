"""Train one model, in one process or in several."""

import json

from neuroquant.job import running

with running(snakemake):
    from neuroquant.files import put_dates_back
    from neuroquant.training.job_file import JobFile

    # Snakemake deletes a model that is older than its shards when the training ends
    put_dates_back(path for path in snakemake.input if path.startswith("results/"))

    processes, nodes = snakemake.resources.processes, snakemake.resources.get("nodes", 1)
    job = JobFile(
        model=json.loads(snakemake.params.model),
        volume=json.loads(snakemake.params.volume),
        train_shards=snakemake.input.train,
        val_shards=snakemake.input.val,
        folder=snakemake.params.folder,
        checkpoints=snakemake.params.checkpoints,
        pictures=snakemake.params.pictures,
        device=snakemake.params.device,
        threads=max(1, snakemake.threads * nodes // processes),
    )
    if processes == 1:
        from neuroquant.training.run import train

        train(job)
    else:
        from neuroquant.training.launch import launch

        launch(job, processes, nodes)
