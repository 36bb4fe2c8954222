"""From a shard of the workflow to BIDS derivatives, without the model: for `neuroquant restore --bids`."""

from dataclasses import dataclass
from pathlib import Path

from neuroquant.config.named import read_yaml
from neuroquant.datasets import require_ours, require_outside
from neuroquant.derivatives.dataset import Dataset, Maker
from neuroquant.derivatives.images import Scan, SessionImages, desc_of, structures
from neuroquant.derivatives.names import labels_of, name_of_scan
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, require_writable
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import REFERENCE
from neuroquant.volumes.restore import open_shards, refuse_folder_of

Key = tuple[str, str]
"""Subject and session."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the scans of a shard are from.

    Attributes
    ----------
    raw : root of the cohort
    manifests : of the shards that are written into one data set, which name the scans
    """

    raw: Path
    manifests: tuple[Path, ...]

    def scans(self) -> "Sessions":
        """The scans of all manifests."""
        rows = [row for path in self.manifests for row in read_tsv(path).to_dict("records")]
        where = str(self.manifests[0])
        subjects = labels_of([row["subject"] for row in rows], "subject", where)
        sessions: dict[Key, str] = {}
        for subject in subjects:
            own = [row["session"] for row in rows if row["subject"] == subject]
            sessions |= {(subject, name): label for name, label in labels_of(own, "session", where).items()}
        return Sessions({(row["subject"], row["session"]): row for row in rows}, subjects, sessions, where)


@dataclass(frozen=True, slots=True)
class Sessions:
    """The rows of manifests, by subject and session, and their labels in BIDS."""

    rows: dict[Key, dict[str, str]]
    subjects: dict[str, str]
    sessions: dict[Key, str]
    where: str

    def of(self, shard: ArrayFile, rows: dict[str, int]) -> dict[str, Scan]:
        """Modality -> scan of a session of a shard; `rows` are the places of its images.

        Raises
        ------
        InputError
            If no manifest has the session, or the shard doesn't say where its volumes lie.
        """
        scans = {}
        for modality, row in rows.items():
            record = shard.records[row]
            key = (record.subject, record.session)
            path = self.rows.get(key, {}).get(modality, "")
            if not path or record.geometry is None:
                found = f"{' '.join(filter(None, key))} of {shard.path} isn't in it" if not path else "no geometry"
                raise InputError(
                    self.where, found, "the manifest of the shard, as the same run wrote it",
                    "run the workflow again, which renews both",
                )  # fmt: skip
            name = name_of_scan(path, modality, self.subjects[record.subject], self.sessions[key])
            scans[modality] = Scan(name, path, record.geometry)
        return scans


def origin_of(shard_h5: Path, cohort: str) -> Origin:
    """Where the scans of a shard of a cohort are from, by the results that it lies in.

    Raises
    ------
    InputError
        If it doesn't lie below the results of an experiment.
    """
    shard = shard_h5.absolute()
    results = next((folder for folder in shard.parents if (folder / "config.yaml").is_file()), None)
    manifest = results / f"cohorts/{cohort}/shards/{shard.stem}.tsv" if results else None
    if manifest is None or not manifest.is_file():
        raise InputError(
            str(shard_h5), "no manifest that names the scans of this shard", "a shard in the folder where the workflow "
            "wrote it, results/<experiment>/.../<cohort>/<shard>.h5",
            "name it there; without --bids the images are written from anywhere",
        )  # fmt: skip
    cohorts = {one["name"]: one.get("root", "") for one in read_yaml(results / "config.yaml").get("cohorts", [])}
    root = cohorts.get(cohort) or str(results / "cohorts" / cohort / "bids")
    return Origin(Path(root), (manifest,))


def restore_as_bids(
    shard_h5: Path, out: Path, volumes_h5: Path | None = None, subject: str | None = None
) -> list[Path]:
    """Write the images of a shard, or its label maps where it has no images, as BIDS derivatives; returns the images.

    Parameters
    ----------
    shard_h5 : volumes, reconstructions or segmentations, where the workflow wrote them.
    volumes_h5 : volumes of the same sessions, for their brain masks.
    subject : write this one alone.

    Raises
    ------
    InputError
        If the shard isn't in its place, or has no images, the two shards hold other sessions, or `out` lies in the
        cohort or holds another program's data set.
    """
    shard, volumes, kind = open_shards(shard_h5, volumes_h5)
    chosen = {key: rows for key, rows in shard.sessions.items() if subject in (None, key[1])}
    if not chosen:
        raise InputError(
            str(shard_h5), f"no subject {subject}", "one of its subjects", "look into the cohort's splits.tsv"
        )
    origin = origin_of(shard_h5, shard.records[0].cohort)
    sessions, facts = origin.scans(), shard.attributes
    made_by = facts.get("model") or (shard_h5.absolute().parents[1].name if kind == "labels" else "")
    maker = Maker("" if made_by == REFERENCE else made_by, facts.get("weights", ""))
    dataset = Dataset(out, origin.raw, maker)
    refuse_folder_of(shard_h5, volumes_h5, out)
    require_outside(f"--out {out}", out, origin.raw)
    require_ours(f"--out {out}", out, origin.raw)
    require_writable(out)
    dataset.describe(tuple(sorted({record.modality for record in shard.records})))
    written = []
    for key, rows in chosen.items():
        mask = None if volumes is None else volumes.read("mask", _same(volumes, shard, key))
        images = SessionImages(dataset, sessions.of(shard, rows), mask)
        for modality, row in rows.items():
            if kind == "labels":
                written.append(images.segmentation(modality, shard.read("labels", row), facts, not maker.model))
            else:
                desc = "recon" if maker.model else "preproc"
                written.append(images.reconstruction(modality, shard.read("image", row), desc))
        written += images.masks()
    if kind == "labels":
        dataset.write_labels(desc_of(facts), structures(facts["labels"]))
    return written


def _same(volumes: ArrayFile, shard: ArrayFile, key: tuple[str, str, str]) -> int:
    """The place of a session's mask among volumes.

    Raises
    ------
    InputError
        If the session isn't among them.
    """
    if key not in volumes.sessions:
        raise InputError(
            str(volumes.path), "other sessions", f"those of {shard.path}", "name the shard of the same number"
        )
    return min(volumes.sessions[key].values())
