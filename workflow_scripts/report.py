"""Call Snakemake's own report on everything else that was made."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    import subprocess
    import sys

    from neuroquant.files import written_whole

    with written_whole(snakemake.output.page) as scratch:
        page = scratch.with_suffix(".html")
        command = [sys.executable, "-m", "snakemake", "--snakefile", snakemake.params.snakefile, "--nolock"]
        command += ["--configfile", snakemake.input.resolved, "--report", str(page)]
        command += ["--report-stylesheet", snakemake.input.stylesheet, *snakemake.params.targets]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        print(done.stdout)
        if done.returncode:
            raise RuntimeError(f"snakemake --report ended with exit code {done.returncode}")
        page.replace(scratch)
