"""Get the authors' weights that models begin with, and check them."""

import json

from neuroquant.job import running

with running(snakemake):
    from neuroquant.config.model import ModelEntry
    from neuroquant.weights.find import fetch_all

    fetch_all([ModelEntry.model_validate(json.loads(text)) for text in snakemake.params.models])
