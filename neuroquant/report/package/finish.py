"""Snakemake's report, finished: it opens at the summary, its links work, and it names nobody."""

import base64
import html
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from neuroquant.config.experiment import Experiment
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_text
from neuroquant.report.contents import entry

BLOCK = r'<script id="{}">\s*var \w+ = (.*?);\s*</script>'
OURS = ("workflow-desc", "results", "categories", "rules", "metadata")
"""Parts of Snakemake's page that come from this run; the rest are libraries."""
FIRST = entry("summary").outputs["html"]
"""The page at which the report opens."""
LIMIT = 30_000_000
"""Bytes that a report should stay below, to be sent and opened like any other page."""
WORD = re.compile(r"[A-Za-z0-9_-]+")
PAYLOAD = re.compile(r"data:[\w.+-]+/[\w.+-]+[;,][^\"']*")
"""What a text embeds as data: read by `embedded`, or points of a picture, in which letters mean nothing."""
BORDERS = re.compile(r"""[<>,;"'\t\r\n]""")
"""What stands around a cell of a table, in HTML, CSV and JSON, and around a text of a vector graphic."""
TELLING = 4
"""Letters and digits that a name must have to be searched for without "sub-" before it."""
# Snakemake centres what is shown, so that the top of a tall picture can't be scrolled to: margins centre it instead
STYLE = """
#brand{font-weight:600}
img{max-width:100%;height:auto}
#app>div.flex>div.grow{align-items:flex-start;justify-content:flex-start}
#app>div.flex>div.grow>*{margin:auto}
#app nav{max-width:20rem;overflow-wrap:anywhere;flex-shrink:0}
@media (max-width:760px){
  #app>div.flex{flex-direction:column;height:auto;min-height:100vh}
  #app nav{width:100%!important;max-width:none;height:auto!important;max-height:40vh}
  #app>div.flex>div.grow{width:100%;height:auto!important;min-height:55vh;overflow:auto}
  #app iframe{height:100vh}
}
"""
SCRIPT = """
(function(){
  var root = %(root)s, first = root + %(first)s;
  function show(path){
    var entry = results[path];
    if (!entry) return false;
    var kind = entry.mime_type.indexOf("image/") === 0 ? "img" : entry.mime_type === "text/html" ? "html" : "";
    if (kind) app.setView({content: kind, contentPath: entry.data_uri, resultPath: path});
    return Boolean(kind);
  }
  addEventListener("message", function(event){
    var wanted = event.data && event.data.neuroquant;
    if (typeof wanted === "string") show(root + wanted);
  });
  (function begin(){ if (typeof app === "undefined" || !app) { setTimeout(begin, 20); return; } show(first); })();
  document.title = %(title)s;
})();
"""


def finish(report: Path, title: str, root: str, private: Iterable[str], folders: Iterable[Path] = ()) -> None:
    """Rewrite a report that Snakemake wrote, in place.

    Jobs' parameters go (they hold the configuration, folders included). The report then opens at the summary, fits a
    narrow screen, and links between its pages work. A page of more than `LIMIT` bytes gives a message.

    Parameters
    ----------
    report : the page that `snakemake --report` wrote.
    title : of the window.
    root : folder of the results as Snakemake names it, with its last slash, e.g. "results/demo/".
    private : folders and subjects that must not be in it; none where the report may name them.
    folders : folders of this machine (the code's, the results'), which rules name for files beside the code:
        taken out of the paths.

    Raises
    ------
    InputError
        If one of `private` is in the page, or in a file that is embedded in it.
    """
    text = report.read_text(encoding="utf-8")
    text = re.sub(BLOCK.format("results"), without_parameters, text, count=1, flags=re.DOTALL)
    for folder in sorted(map(str, folders), key=len, reverse=True):
        text = re.sub(
            BLOCK.format("rules"),
            lambda block, name=folder: without_folder(block.group(0), name),
            text,
            flags=re.DOTALL,
        )
    text = text.replace("<title>Snakemake Report</title>", f"<title>{html.escape(title)}</title>")
    # Snakemake prints the description whenever its page is shown
    text = text.replace("console.log(workflow_desc)", "")
    script = SCRIPT % {"root": in_script(root), "first": in_script(FIRST), "title": in_script(title)}
    text = text.replace("</head>", f"<style>{STYLE}</style></head>", 1)
    head, tail = text.rsplit("</body>", 1)
    identifiers = named(head, private)
    if identifiers:
        raise InputError(
            str(report.name),
            f"it names {', '.join(repr(word) for word in identifiers[:3])}"
            + (f" and {len(identifiers) - 3} more" if len(identifiers) > 3 else ""),
            "a report without identifiers or folders of the data",
            "take the name out of the experiment's labels and titles, or set report.identifiable: true",
        )
    text = f"{head}<script>{script}</script></body>{tail}"
    write_text(report, text)
    if len(text.encode()) > LIMIT:
        print(too_large(text, root), file=sys.stderr)


def in_script(text: str) -> str:
    """A text as a string of JavaScript that can't end the script that it stands in."""
    return json.dumps(text).replace("<", "\\u003c")


def too_large(text: str, root: str) -> str:
    """The message on a page of more than `LIMIT` bytes: its largest parts, and what to do. It is whole, so no error."""
    parts: Counter[str] = Counter()
    results = re.search(BLOCK.format("results"), text, flags=re.DOTALL)
    for path, result in json.loads(results.group(1)).items():
        name = path.removeprefix(root)
        parts["figures/montage" if name.startswith("figures/montage/") else name] += len(result["data_uri"])
    largest = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in parts.most_common(4))
    return (
        f"The report has {len(text.encode()) / 1e6:.1f} MB; it should stay below {LIMIT / 1e6:.0f} MB. Nothing is "
        f"missing from it. Largest: {largest}. To do: name fewer models in report.figure3_models or figure4.models, "
        f"which redraws the figure and the report alone; or send single pages and figures, which all lie below {root}"
    )


def private_words(experiment: Experiment, tables: list[Path], folders: list[Path]) -> list[str]:
    """What a report must not name: subjects, families, folders of data and machine; nothing where it may.

    Parameters
    ----------
    tables : sessions.tsv and excluded.tsv of the cohorts.
    """
    if experiment.report.identifiable:
        return []
    words = {str(folder) for folder in folders if len(folder.parts) > 2}
    for cohort in experiment.cohorts:
        paths = (cohort.root, cohort.table, *cohort.participants_tables)
        words |= {path for path in paths if "/" in path.strip("/.")}
    for table in tables:
        people = read_tsv(table)
        words |= {name for column in ("subject", "family") if column in people for name in people[column]}
    return sorted(words)


def without_parameters(match: re.Match) -> str:
    """The block of results, without the parameters of the jobs that made them."""
    results = json.loads(match.group(1))
    for result in results.values():
        result["job_properties"]["params"] = ""
    whole = match.group(0)
    return whole[: match.start(1) - match.start()] + json.dumps(results) + whole[match.end(1) - match.start() :]


def without_folder(block: str, folder: str) -> str:
    """A block with a folder cut off the beginning of its paths; a whole disk's root stays."""
    return block.replace(f"{folder}/", "").replace(json.dumps(folder), '"."') if len(folder) > 1 else block


def named(page: str, private: Iterable[str]) -> list[str]:
    """Which of `private` stand in a report, or in a text that it embeds.

    A folder is searched for as it is. A subject or family is searched for behind "sub-", whatever its name. A name
    of `TELLING` signs or more is searched for without "sub-" too: as a word where it has a digit and a letter, also
    between underscores as in names of files; as a whole cell or text where it has letters only, because language has
    such words; anywhere where it has other signs. A bare number is searched for behind "sub-" only, because every table
    has such numbers.
    """
    ours = "".join(match.group(0) for name in OURS if (match := re.search(BLOCK.format(name), page, flags=re.DOTALL)))
    texts = [PAYLOAD.sub("", text) for text in (ours, *embedded(page))]
    words = {
        "_".join(parts[first:last])
        for text in texts
        for word in set(WORD.findall(text))
        for parts in [word.split("_")]
        for first in range(len(parts))
        for last in range(first + 1, len(parts) + 1)
    }
    alone = {piece.strip(" !-") for text in texts for piece in BORDERS.split(text)}

    def anywhere(name: str) -> bool:
        return any(form in text for form in {name, html.escape(name), json.dumps(name)[1:-1]} for text in texts)

    def is_named(one: str) -> bool:
        if "/" in one or "\\" in one:
            return anywhere(one)
        bare = one.removeprefix("sub-")
        telling = len(bare) >= TELLING and any(sign.isalpha() for sign in bare)
        if not WORD.fullmatch(bare):
            return anywhere(f"sub-{bare}") or (telling and anywhere(bare))
        forms = words if any(sign.isdigit() for sign in bare) else alone
        return f"sub-{bare}" in words or (telling and bare in forms)

    return [one for one in sorted(set(private) - {""}) if is_named(one)]


def embedded(page: str) -> list[str]:
    """Texts that a report embeds as data: pages, tables, vector graphics; pictures of points are left out."""
    texts = []
    for kind, coded, data in re.findall(r"data:([\w/+.-]+)[^,\"']*?(;base64)?,([^\"']*)", page):
        if kind.startswith("text/") or kind in ("image/svg+xml", "application/json"):
            raw = base64.b64decode(data) if coded else unquote_to_bytes(data)
            texts.append(raw.decode("utf-8", errors="replace"))
    return texts
