"""The report's contents are stated once, and menus, links, targets and the crate follow from them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from neuroquant.report.contents import CONTENTS, TABLES, entry, expanded, made_by, patterns
from neuroquant.report.package.checklist import items
from neuroquant.report.pages.front_parts import where_to_look

ROOT = Path(__file__).parents[2]
CAPTIONS = ROOT / "neuroquant/report/captions"
WILDCARDS = {"table": tuple(TABLES), "cohort": ("a", "b"), "shard": ("test-000",)}
EVERY = pytest.mark.parametrize("one", CONTENTS, ids=lambda one: one.name)


@EVERY
def test_an_entry_has_a_caption_and_a_rule_that_makes_it(one):
    assert (CAPTIONS / one.caption).read_text().strip()
    assert bool(one.about) == bool(one.opens), "a link says what is behind it"
    rules = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    assert re.search(rf"^rule {one.rule}:", rules, re.MULTILINE)
    assert f'reported("{one.name}"' in rules or f'"{one.name}"' in rules, "its outputs are those of the entry"


def test_every_caption_is_that_of_an_entry():
    used = {one.caption for one in CONTENTS} | {"workflow.rst"}
    assert {path.name for path in CAPTIONS.glob("*.rst")} == used


def test_no_file_belongs_to_two_entries():
    paths = [path for one in CONTENTS for output in one.outputs.values() for path in expanded(output, WILDCARDS)]
    assert len(paths) == len(set(paths))


@EVERY
def test_each_file_is_known_to_be_its_rules(one):
    for output in one.outputs.values():
        for path in expanded(output, WILDCARDS):
            assert made_by(path) == one.rule
    assert made_by("numbers/fidelity.tsv") == "" == made_by("tables/table3.csv")


@EVERY
def test_what_is_in_the_menu_is_a_target_and_is_written(one):
    assert set(one.kinds) <= set(one.outputs) and (not one.opens or one.opens in one.kinds)
    assert len(one.targets(WILDCARDS)) >= len(one.kinds)
    for path in one.targets(WILDCARDS):
        assert "{" not in path and any(Path(path).match(pattern) for pattern in patterns(one))


def test_known_wildcards_are_filled_and_the_others_stay():
    shown = entry("montage").at(shard="test-000")
    assert shown.outputs == {"png": "figures/montage/{cohort}/test-000.png"}
    assert shown.menu("png")["labels"] == {"cohort": "{cohort}", "what": "volumes of test-000"}


def test_the_front_page_links_to_every_entry_that_says_so_and_to_nothing_else():
    links = set(re.findall(r'data-shows="([^"]+)"', where_to_look()))
    assert links == {path for one in CONTENTS if one.opens for path in expanded(one.outputs[one.opens], WILDCARDS)}
    assert {"tables/table1.html", "tables/table2.html", "report/figure3.html", "report/people.html"} <= links


def test_the_checklist_refers_to_files_that_the_report_shows():
    shown = {path for one in CONTENTS for path in one.targets(WILDCARDS)}
    for item in items():
        assert {path.format(cohort="a") for path in item.shows} <= shown, item.number


def test_an_unknown_entry_is_an_error_that_names_the_others():
    with pytest.raises(KeyError, match="figure5.*figure3"):
        entry("figure5")


def test_contents_are_read_while_planning_without_pandas_or_matplotlib():
    code = "import sys, neuroquant.report.contents; print({'pandas', 'numpy', 'matplotlib'} & set(sys.modules) or '')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
