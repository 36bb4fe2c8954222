"""The group level: a table of all sessions' numbers, and a page that shows which stand out."""

import sys

import pandas as pd

from neuroquant.bids_app.group_page import page_of_group
from neuroquant.bids_app.options import Options
from neuroquant.bids_app.pages import label_of, write_pages
from neuroquant.bids_app.participant import failures
from neuroquant.bids_app.record import Record, all_records
from neuroquant.errors import InputError
from neuroquant.files import write_json, write_text, written_whole
from neuroquant.statistics.quality import FAR, FEWEST, standing_out

WHO = ["participant_id", "session_id"]
TABLE = "group_qc"


def run_group(options: Options) -> int:
    """Gather all finished sessions of the output folder; the exit status: 2 where there is none."""
    try:
        records = gathered(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    table, names = table_of(records)
    output, failed = options.output_dir, failures(options)
    with written_whole(output / f"{TABLE}.tsv") as scratch:
        table.to_csv(scratch, sep="\t", index=False, lineterminator="\n", na_rep="n/a", float_format="%.6g")
    write_json(output / f"{TABLE}.json", columns(names))
    write_text(output / "group.html", page_of_group(table, names, records[0].model, failed))
    # with the sessions that aren't asked for too: a subject's page has all of them
    of_model = [record for record in all_records(output) if record.weights == records[0].weights]
    write_pages(output, options.work_dir, of_model, {record.subject for record in records})
    far = int((table["outlier"] != "").sum())
    print(f"{len(table)} sessions of {table[WHO[0]].nunique()} subjects, {far} stand out: {output / 'group.html'}")
    return 0


def gathered(options: Options) -> list[Record]:
    """The records of all finished sessions that are asked for.

    Raises
    ------
    InputError
        If there is none, or they are of several models.
    """
    found = [one for one in all_records(options.output_dir) if options.asks_for(one.subject, one.session)]
    if not found:
        raise InputError(
            str(options.output_dir), "no finished session", "the output of the participant level",
            "run `neuroquant bids BIDS_DIR OUTPUT_DIR participant --model FOLDER` first",
        )  # fmt: skip
    models = sorted({record.weights for record in found})
    if len(models) > 1:
        raise InputError(
            str(options.output_dir), f"sessions made by {len(models)} different models", "one model",
            "run the participant level for all subjects again with one of them",
        )  # fmt: skip
    return found


def table_of(records: list[Record]) -> tuple[pd.DataFrame, list[str]]:
    """A row per session, and the columns that are numbers; `outlier` names those by which a session stands out."""
    names = list(dict.fromkeys(name for record in records for name in record.numbers))
    rows = []
    for record in records:
        session = f"ses-{record.session}" if record.session else None
        who = dict(zip(WHO, (f"sub-{record.subject}", session), strict=True))
        numbers = {name: record.numbers.get(name) for name in names}
        rows.append(who | numbers | {"mask_from": record.facts["mask_from"]})
    table = pd.DataFrame(rows)
    table[names] = table[names].astype(float)
    far = {name: standing_out(table[name]) for name in names}
    table["outlier"] = [" ".join(name for name in names if far[name][row]) for row in table.index]
    return table, names


def columns(names: list[str]) -> dict[str, dict[str, str]]:
    """What the table's sidecar says of its columns."""
    said = {name: {"Description": label_of(name)} for name in names}
    units = {"psnr": "dB", "psnr_brain": "dB", "ml": "mL"}
    for name, entry in said.items():
        if unit := units.get(name.partition("_")[2]):
            entry["Units"] = unit
    said["mask_from"] = {"Description": "where the brain mask is from"}
    rule = f"more than {FAR:g} scaled median absolute deviations from the median, of {FEWEST} sessions or more"
    said["outlier"] = {"Description": f"columns by which the session stands out ({rule})"}
    return said
