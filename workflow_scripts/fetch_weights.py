"""Get the authors' weights that rows begin with, and check them."""

import json

from neuroquant.job import running

with running(snakemake):
    from neuroquant.config.model import ModelRow
    from neuroquant.weights.find import fetch_all

    fetch_all([ModelRow.model_validate(json.loads(text)) for text in snakemake.params.rows])
