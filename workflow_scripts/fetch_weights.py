"""Get the authors' weights that rows begin with, and check them."""

import json
import sys

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from neuroquant.config.model import ModelRow
    from neuroquant.weights import fetch

    for text in snakemake.params.rows:
        row = ModelRow.model_validate(json.loads(text))
        print(f"{row.name}: {fetch(row)}", file=sys.stderr)
