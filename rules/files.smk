"""Files of models: which ones a job on several of them reads."""


def segmenter_file(wildcards):
    """The stand-in's weights where the stand-in is the engine; nothing otherwise."""
    return (
        RESULTS / "segmenter/standin.h5"
        if EXPERIMENT.segmentation.engine == "standin"
        else []
    )


def weights_by_model(wildcards):
    """Model -> its weights, of all models shown on a cohort."""
    return {
        model: RESULTS / f"models/{model}/model.safetensors"
        for model in models_shown_on(wildcards.cohort)
    }


def all_latents():
    """Every shard of latents that a probe reads."""
    return [
        RESULTS / f"latents/{model}/{cohort}/{shard}.h5"
        for model, cohort in scored_pairs()
        for shard in ALL_SHARDS
    ]


def images_by_model(cohort, models, folder):
    """The test shards of a cohort: `volumes` -> shard -> path, and `models` -> model -> shard -> path.

    `folder` is that of the models' files: reconstructions or latents.
    """

    def shards(where):
        return {shard: RESULTS / where / f"{shard}.h5" for shard in SHARDS["test"]}

    return {
        "volumes": shards(f"volumes/{cohort}"),
        "models": {model: shards(f"{folder}/{model}/{cohort}") for model in models},
    }


def files_of(folder):
    """The test images of the cohort that the wildcards name and of all models shown on it, as a parameter."""
    return lambda wildcards: named(
        images_by_model(wildcards.cohort, models_shown_on(wildcards.cohort), folder)
    )(wildcards)


def by_model(wildcards, folder):
    """Model -> its file in `folder` of the cohort's shard that the wildcards name, of all models scored there."""
    return {
        model: RESULTS / f"{folder}/{model}/{wildcards.cohort}/{wildcards.shard}.h5"
        for model in models_scored_on(wildcards.cohort)
    }


def scored_models():
    """Models that are scored on any cohort, each once."""
    return list(dict.fromkeys(model for model, _ in scored_pairs()))


def encoded_by(model):
    """Shards of training and validation, which a model encodes: cohort -> shard -> `volumes` and `latents`."""
    return {
        cohort: {
            shard: {
                "volumes": RESULTS / f"volumes/{cohort}/{shard}.h5",
                "latents": RESULTS / f"latents/{model}/{cohort}/{shard}.h5",
            }
            for shard in (*SHARDS["train"], *SHARDS["val"])
        }
        for cohort in TRAINING_COHORTS
    }


def reconstructed_by(model):
    """Test shards: cohort -> shard -> `volumes`, and what `reconstruct` makes of them with a model."""

    def files(cohort, shard):
        return {
            "volumes": f"volumes/{cohort}/{shard}.h5",
            "reconstructions": f"reconstructions/{model}/{cohort}/{shard}.h5",
            "latents": f"latents/{model}/{cohort}/{shard}.h5",
            "synthesis": f"numbers/synthesis/{model}/{cohort}/{shard}.tsv",
            "codes": f"numbers/codes/{model}/{cohort}/{shard}.tsv",
        }

    return {
        cohort: {
            shard: {name: RESULTS / path for name, path in files(cohort, shard).items()}
            for shard in SHARDS["test"]
        }
        for cohort in scored_cohorts()
    }


def applied(*tables):
    """What a job writes that applies a model to all cohorts, by names of its own."""
    return {
        f"{name}_{cohort}_{shard}": path
        for table in tables
        for cohort, shards in table.items()
        for shard, files in shards.items()
        for name, path in files.items()
        if name != "volumes"
    }


def known_of(cohort, model):
    """What is learned of a model's latents before it is applied to a cohort: `training`, `validation` -> paths by name."""
    latents = learned_from(cohort, f"latents/{model}/{{cohort}}/{{shard}}.h5", "train")
    volumes = learned_from(cohort, "volumes/{cohort}/{shard}.h5", "val")
    return {
        kind: {str(path.relative_to(RESULTS)): path for path in paths}
        for kind, paths in (("training", latents), ("validation", volumes))
    }


ALL_MODELS = "all-models"  # no name that a model can have


def probed_on(cohort):
    """Models that are probed on a cohort: all that are scored there but the points of curves."""
    return [
        model
        for model in models_scored_on(cohort)
        if not EXPERIMENT.model(model).curve_of
    ]


def probe_jobs():
    """(what a job probes, cohort): a model, or all models of a small cohort."""
    return dict.fromkeys(
        (ALL_MODELS if FEW_JOBS else model, cohort)
        for cohort in scored_cohorts()
        for model in probed_on(cohort)
    )


def probed_models(wildcards):
    """The models that a job probes."""
    return (
        probed_on(wildcards.cohort)
        if wildcards.probed == ALL_MODELS
        else [wildcards.probed]
    )


def by_split(cohort, template):
    """Split -> shard -> path of what probes of a cohort learn from and are tested on."""
    paths = {
        "train": learned_from(cohort, template, "train"),
        "val": learned_from(cohort, template, "val"),
        "test": shards_of(cohort, template, "test"),
    }
    return {
        split: {str(path.relative_to(RESULTS)): path for path in found}
        for split, found in paths.items()
    }


def probed_latents(wildcards):
    """Model -> split -> shard -> latents, of the models that a job probes."""
    return {
        model: by_split(wildcards.cohort, f"latents/{model}/{{cohort}}/{{shard}}.h5")
        for model in probed_models(wildcards)
    }


def derivative_shards(wildcards):
    """Test shard -> its files, as `ShardPaths` names them."""
    segments = EXPERIMENT.segmentation.engine != "none"
    model, cohort = wildcards.model, wildcards.cohort

    def files(shard):
        paths = {
            "manifest": f"cohorts/{cohort}/shards/{shard}.tsv",
            "volumes": f"volumes/{cohort}/{shard}.h5",
            "reconstructions": f"reconstructions/{model}/{cohort}/{shard}.h5",
            "latents": f"latents/{model}/{cohort}/{shard}.h5",
        }
        if segments:
            paths["segmentations"] = f"segmentations/{model}/{cohort}/{shard}.h5"
        return {name: RESULTS / path for name, path in paths.items()}

    return {shard: files(shard) for shard in SHARDS["test"]}
