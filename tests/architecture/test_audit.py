"""Findings follow from values: none where all agrees, and for whichever side the evidence is."""

import copy
from dataclasses import replace

import pytest

from harness.architecture.audit import MEASURED, NEITHER, PRINTED, UNDECIDED, audit
from harness.architecture.printed import decimals, printed_facts, prints_as
from harness.errors import UserError

DEPTHS = {"light": (2, 2, 2, 2), "base": (3, 4, 6, 3), "large": (3, 8, 27, 3)}
PARAMETERS = {"light": 14_231_659, "base": 25_594_731, "large": 62_818_923}  # harness run table_s1
GMACS = {"light": (3.848, 6.828), "base": (5.839, 11.807), "large": (12.156, 31.187)}  # as measured, on printed grids
PRINTED_BASE = 24_991_083  # with two blocks in stage 2


def record_of(row):
    """The figures of a row that the audit looks at, as `harness run table_s1` measures them."""
    stages = {at: [{"grid": [height // d, width // d], "tokens": height * width // d**2, "channels": c, "heads": n,
                    "reduction": r, "expansion": e, "blocks": depth - (d > 4), "merging_blocks": int(d > 4)}
                   for d, c, n, r, e, depth in zip((4, 8, 16, 32), (64, 128, 320, 512), (1, 2, 5, 8), (8, 4, 2, 1),
                                                   (8, 8, 4, 4), DEPTHS[row], strict=True)]
              for at, height, width in (("224x224", 224, 224), ("384x288", 384, 288))}
    networks = [{"name": "classifier", "parameters": PARAMETERS[row],
                 "operations": {"224x224": {"tcformer": GMACS[row][0]}}}]
    trials = [{"what": "tokens", "input": "224x224", "printed": [3136, 784, 784, 196], "tokens": [3136, 784, 784, 196],
               "operations": {"tcformer": GMACS[row][1]}}]
    if row == "base":
        trials.append({"what": "blocks", "stage": 2, "printed": 2, "depths": [3, 3, 6, 3], "parameters": PRINTED_BASE})
    return {"architecture": {"stages": stages, "networks": networks, "trials": trials}}


@pytest.fixture
def rows(table):
    return [(row["title"], record_of(row["id"]), printed_facts(row)) for row in table["rows"]]


def found(rows, where):
    return next(finding for finding in audit(rows, "tcformer") if finding.where == where)


def changed(facts, name, stage, value):
    """The facts with one printed value of the table's own line changed."""
    values = list(facts[0].stages[name])
    values[stage - 1] = value
    return (replace(facts[0], stages={**facts[0].stages, name: values}), *facts[1:])


def test_the_findings_of_table_s1(rows):
    assert [(f.where, f.printed, f.measured, f.speaks_for) for f in audit(rows, "tcformer")] == [
        ("stage 3, tokens", "H/8×W/8", "H/16×W/16", MEASURED),
        ("stage 4, tokens", "H/16×W/16", "H/32×W/32", MEASURED),
        ("stage 2, blocks", "2", "3", MEASURED),
        ("GMACs of the classifier at 224x224", "5.9", "5.839", UNDECIDED)]


def test_evidence_of_blocks_is_the_number_of_parameters_and_the_code(rows):
    finding = found(rows, "stage 2, blocks")
    assert finding.systems == ("TCFormer",)
    assert "24,991,083 parameters with 2 blocks, 25,594,731 with 3, 25.6M in the TCFormer repository" in finding.text
    assert "4 blocks with the CTM's in the TCFormer repository, 3 without it" in finding.text
    assert "11 of the 12 printed numbers of blocks are the measured ones" in finding.text
    assert "2 printed (Table S1), 3 measured; the evidence is for the measured value" in finding.text


def test_evidence_of_tokens_is_the_merge_the_code_and_the_operations(rows):
    finding = found(rows, "stage 3, tokens")
    assert finding.systems == ("TCFormer-Light", "TCFormer", "TCFormer-Large")
    assert "keeps 0.25 of the tokens (784 to 196 at 224x224), by the printed grids it would keep 1.00" in finding.text
    assert "TCFormer-Large takes 31.2 GMACs" in finding.text
    assert "merge before" not in found(rows, "stage 4, tokens").text  # a quarter in print, too


def test_nothing_is_found_where_all_agrees(rows):
    agreeing = []
    for title, record, facts in rows:
        facts = changed(changed(changed(facts, "divisor", 3, 16), "divisor", 4, 32), "blocks", 2,
                        record["architecture"]["stages"]["224x224"][1]["blocks"])
        agreeing.append((title, record, [fact for fact in facts if fact.verified]))
    assert audit(agreeing, "tcformer") == ()


def test_the_printed_value_may_be_the_right_one(rows):
    title, record, facts = rows[1]
    record = copy.deepcopy(record)
    for stages in record["architecture"]["stages"].values():
        stages[1]["blocks"] = 2  # the network at hand has lost a block
    record["architecture"]["networks"][0]["parameters"] = PRINTED_BASE
    record["architecture"]["trials"] = [{"what": "blocks", "stage": 2, "printed": 3, "depths": [3, 4, 6, 3],
                                         "parameters": PARAMETERS["base"]}]
    wrong = [(title, record, changed(facts, "blocks", 2, 3))]
    finding = found(wrong, "stage 2, blocks")
    assert finding.speaks_for == PRINTED
    assert "the evidence is for the printed value" in finding.text
    assert found(wrong, "parameters of the classifier").measured == "24,991,083"
    assert found(wrong, "stage 2, blocks with the CTM's").printed == "4"


def test_evidence_that_fits_neither_and_evidence_against_evidence(rows):
    title, record, facts = rows[1]
    sizes = [replace(fact, values={**fact.values, "parameters_m": 30.1}) if "parameters_m" in fact.values else fact
             for fact in facts]
    assert found([(title, record, sizes)], "stage 2, blocks").speaks_for == UNDECIDED  # the code says otherwise
    alone = [fact for fact in sizes if "depths" not in fact.stages]
    assert found([(title, record, alone)], "stage 2, blocks").speaks_for == NEITHER


def test_a_number_that_was_only_quoted_decides_nothing(rows):
    title, record, facts = rows[0]
    alone = [fact for fact in facts if fact.id != "tcformer_repo_code_light"]
    finding = found([(title, record, alone)], "stage 3, tokens")
    assert finding.speaks_for == UNDECIDED
    assert "paper, as quoted" in finding.text
    read = [replace(fact, verified=True) for fact in alone]
    assert found([(title, record, read)], "stage 3, tokens").speaks_for == MEASURED


@pytest.mark.parametrize(("name", "value"), [("heads", 4), ("channels", 96), ("reduction", 3), ("expansion", 2)])
def test_other_settings_are_held_against_the_network(rows, name, value):
    title, record, facts = rows[2]
    finding = found([(title, record, changed(facts, name, 1, value))], f"stage 1, {name}")
    assert finding.printed == str(value)
    assert finding.speaks_for == UNDECIDED


def test_rounding_as_printed():
    assert prints_as(25.594731, 25.6)
    assert not prints_as(24.991083, 25.6)
    assert prints_as(12.156, 12.2)
    assert not prints_as(12.156, 12.15)
    assert (decimals(14.2), decimals(14.25), decimals(14)) == (1, 2, 1)


def test_a_fact_that_is_not_there(table):
    with pytest.raises(UserError, match=r"unknown published fact 'seed_s1_bas'; did you mean seed_s1_base.*row base"):
        printed_facts({**table["rows"][1], "published": ["seed_s1_bas"]})
