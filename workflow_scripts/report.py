"""Call Snakemake's own report on everything else that was made, finish it, and describe the run as an RO-Crate."""

import json

from neuroquant.job import running

with running(snakemake):
    import shutil
    import subprocess
    import sys
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.files import written_whole
    from neuroquant.report.package.crate import write_crate
    from neuroquant.report.package.finish import finish, private_words
    from neuroquant.sources import PACKAGE

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    base, results, workflow = (
        Path(path) for path in (snakemake.params.base, snakemake.params.results, snakemake.output.workflow)
    )
    people = [Path(path) for path in (*snakemake.input.sessions, *snakemake.input.excluded)]
    with written_whole(snakemake.output.page) as scratch:
        page = scratch.with_suffix(".html")
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(base / "Snakefile"), "--nolock"]
        command += ["--configfile", snakemake.input.resolved, "--report", str(page), *snakemake.params.targets]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        print(done.stdout)
        if done.returncode:
            raise RuntimeError(f"snakemake --report ended with exit code {done.returncode}")
        here = list(dict.fromkeys([base, PACKAGE.parent, Path.cwd()]))  # a wheel has `base` inside of the package
        hidden = private_words(experiment, people, [*here, Path.home()])
        finish(page, experiment.report.title, f"{results.as_posix()}/", hidden, here)
        page.replace(scratch)
    shutil.copytree(base / "rules", workflow / "rules")
    shutil.copy(base / "Snakefile", workflow / "Snakefile")
    write_crate(experiment, results, json.loads(Path(snakemake.input.provenance).read_text()))
