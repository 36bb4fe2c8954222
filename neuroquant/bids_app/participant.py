"""The participant level: every session encoded, decoded and written; one that fails doesn't stop the others."""

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from neuroquant.bids_app import record as records
from neuroquant.bids_app.encode import Encoded, Encoder
from neuroquant.bids_app.options import Options
from neuroquant.bids_app.pages import keep_pictures, page_path, pictures_path, write_pages
from neuroquant.bids_app.record import Record
from neuroquant.bids_app.sessions import SessionFiles, sessions_of
from neuroquant.derivatives.dataset import Dataset, Maker
from neuroquant.derivatives.images import Appearance, Scan, SessionImages
from neuroquant.derivatives.names import name_of_scan
from neuroquant.device import use_threads
from neuroquant.errors import InputError
from neuroquant.files import write_text

FACTS = ("mask_from", "target", "voxel_mm", "resampled", "box", "lost_share")
"""Facts of the preprocessing that a session's record has."""
LOGS = "logs"
"""Folder of the reasons of sessions that failed."""


def run_participants(options: Options) -> int:
    """Make the derivatives of all sessions that are asked for; the exit status.

    Returns
    -------
    int
        0 where every session is finished, 1 where one failed, 2 where the model or the labels can't be used.
    """
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(options.threads)  # read when ANTs is loaded
    use_threads(options.threads)
    try:
        encoder = Encoder(options.model, options.device, options.like)
        tokenizer = encoder.tokenizer
        sessions = sessions_of(options, tokenizer.model.modalities, tokenizer.volume)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    run = _Run(options, encoder)
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=options.work_dir) as scratch:
        before, tempfile.tempdir = tempfile.tempdir, scratch
        try:
            failed = run.all(sessions)
        finally:
            tempfile.tempdir = before
    print(f"{len(sessions) - len(failed)} of {len(sessions)} sessions finished: {options.output_dir}")
    for name, reason in failed.items():
        print(f"failed: {name}\n{reason}", file=sys.stderr)
    return 1 if failed else 0


class _Run:
    """One run over the sessions."""

    def __init__(self, options: Options, encoder: Encoder):
        self.options, self.encoder = options, encoder
        tokenizer = encoder.tokenizer
        self.dataset = Dataset(options.output_dir, options.bids_dir, Maker(tokenizer.entry.name, tokenizer.weights))

    def all(self, sessions: list[SessionFiles]) -> dict[str, str]:
        """Go through the sessions and write the pages; the names of those that failed, with the reason."""
        failed: dict[str, str] = {}
        for number, files in enumerate(sessions, start=1):
            begin = time.monotonic()
            try:
                said = self._session(files)
            except Exception as error:  # whatever it is costs this session alone
                said, failed[files.name] = "failed", self._failure(files, error)
            print(f"[{number}/{len(sessions)}] {files.name}: {said} ({time.monotonic() - begin:.0f} s)", flush=True)
        weights = self.encoder.tokenizer.weights
        done = [one for one in records.all_records(self.options.output_dir) if one.weights == weights]
        subjects = {files.subject for files in sessions}
        for subject in write_pages(self.options.output_dir, self.options.work_dir, done, subjects):
            print(f"note: the page of sub-{subject} stays as it is: pictures of a session are gone from --work-dir")
        return failed

    def _session(self, files: SessionFiles) -> str:
        """Make one session, unless it is finished; what became of it, in a word."""
        options, tokenizer = self.options, self.encoder.tokenizer
        if files.fault:
            raise InputError(files.name, files.fault, "a usable scan", "correct the data set")
        key = records.key_of(options.bids_dir, files, options.model, tokenizer.weights, options.like)
        before, pictures = records.read(options.output_dir, files.name), pictures_path(options.work_dir, files.name)
        shown = pictures.exists() or page_path(options.output_dir, files.subject).exists()
        if before is not None and before.is_done(options.output_dir, key) and shown:
            return "finished before"
        encoded = self.encoder.encode(options.bids_dir, files)
        self.dataset.describe(tokenizer.model.modalities, f"NeuroQuant derivatives by {tokenizer.entry.name}")
        keep_pictures(pictures, encoded)
        outputs = [path.relative_to(options.output_dir).as_posix() for path in self._write(files, encoded)]
        facts = {name: str(encoded.work.qc[name]) for name in FACTS}
        model = (tokenizer.entry.name, tokenizer.weights)
        Record(files.subject, files.session, key, *model, encoded.numbers, facts, outputs).save(options.output_dir)
        for path in set(before.outputs if before else ()) - set(outputs):  # of an earlier run with other scans
            (options.output_dir / path).unlink(missing_ok=True)
        self._log(files).unlink(missing_ok=True)
        return "finished"

    def _write(self, files: SessionFiles, encoded: Encoded) -> list[Path]:
        """Write the images and tokens of a session; their paths."""
        scans = {}
        for modality, path in files.scans.items():
            name = name_of_scan(path, modality, files.subject, files.session)
            scans[modality] = Scan(name, path, encoded.work.geometry[modality])
        out = SessionImages(self.dataset, scans, encoded.work.mask)
        written = [out.reconstruction(name, volume) for name, volume in encoded.reconstructions.items()]
        for modality, tokens in encoded.tokens.items():
            name = out.tokens_name(modality)
            tokens.save(self.dataset.folder / name.path(".h5"))
            self.dataset.write_sidecar(name, out.tokens_facts(modality))
            written.append(self.dataset.folder / name.path(".h5"))
        for target, image in encoded.synthetic.items():
            if image.like:
                appearance = Appearance(
                    f"the session's own {target} scan", image.intensity, (self.dataset.scan(image.like),)
                )
            else:
                appearance = Appearance(f"the {target} scan given with --like", image.intensity)
            written.append(out.synthesis(target, image.made_of, image.volume, appearance))
        written += out.masks()
        return [*written, *(_sidecar(path) for path in written)]

    def _failure(self, files: SessionFiles, error: Exception) -> str:
        """The reason of a failure in words; the log has it too, with a stack where nobody foresaw it."""
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        stack = "" if isinstance(error, InputError) else traceback.format_exc()
        try:
            write_text(self._log(files), f"{reason}\n{stack}")
        except InputError:  # the disk is full, say: the reason still goes to the screen
            return reason
        return reason

    def _log(self, files: SessionFiles) -> Path:
        """Where the reason of a session that failed lies."""
        return self.options.output_dir / LOGS / f"{files.name}.log"


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name.partition(".")[0] + ".json")


def failures(options: Options) -> dict[str, str]:
    """Session that is asked for -> the reason why it failed in its last run, in one line."""
    reasons = {}
    for path in sorted((options.output_dir / LOGS).glob("sub-*.log")):
        subject, _, session = path.stem.removeprefix("sub-").partition("_ses-")
        if options.asks_for(subject, session):
            reasons[path.stem] = " ".join(path.read_text(encoding="utf-8").partition("\nTraceback")[0].split())
    return reasons
