import json
import os
import shutil
import subprocess
import tomllib

import pytest

from autowatch_client import FileUnfitError, OptionUnfitError, PandasMissingError
from autowatch_client.command.app import main
from autowatch_client.examples.files import EXAMPLES, write_example
from autowatch_client.frames import local_file, read_frame
from autowatch_client.proposal import declared_parameters, propose, read_overrides, write_overrides
from autowatch_client.tables import open_table, write_table
from tests.support.repository import ROOT


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder that looks like a clone."""
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("sandbox/__main__.py", "autowatch_client/__init__.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch):
    """Records the commands for the clone without running them."""
    lines = []
    monkeypatch.setattr(
        subprocess, "run", lambda line, check: lines.append(line) or subprocess.CompletedProcess(line, 0)
    )
    monkeypatch.setattr(os, "chdir", lambda folder: lines.append(folder))
    monkeypatch.setattr(os, "execv", lambda program, line: lines.append(line[1:]) or 0)
    return lines


def test_the_proposal_for_the_telco_file_is_sensible(tmp_path):
    proposal = propose(open_table(write_example(tmp_path, "telco").training))
    assert (proposal.targets[0], proposal.positive, proposal.key) == ("Churn", "Yes", "customerID")
    assert proposal.labels == ("No", "Yes")
    assert {"PhoneService", "gender"} <= set(proposal.targets)


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        (("y", "age"), [("no", "3"), ("yes", "4"), ("no", "5")], ("y", "yes", "age")),
        (
            ("flag", "default", "age"),
            [("a", "0", "1"), ("b", "1", "1"), ("b", "0", "2")],
            ("default", "1", None),
        ),
        (("a", "b"), [("x", "p"), ("x", "q"), ("y", "q"), ("y", "q")], ("b", "p", None)),
    ],
)
def test_a_likely_target_is_proposed_or_else_the_last_column_with_two_values(
    tmp_path, header, rows, expected
):
    write_table(tmp_path / "a.csv", header, rows)
    proposal = propose(open_table(tmp_path / "a.csv"))
    assert (proposal.targets[0], proposal.positive) == expected[:2]


@pytest.mark.parametrize(
    ("values", "problem_type", "labels"),
    [
        (["red", "green", "blue"], "multiclass", ("blue", "green", "red")),
        ([f"{number}.5" for number in range(21)], "regression", ()),
        (["1", "2", "3"], "", ("1", "2", "3")),
    ],
)
def test_what_is_predicted_follows_from_the_targets_values(tmp_path, values, problem_type, labels):
    write_table(tmp_path / "a.csv", ("y", "age"), [(value, "3") for value in values])
    proposal = propose(open_table(tmp_path / "a.csv"))
    assert (proposal.targets, proposal.problem_type, proposal.labels) == (("y",), problem_type, labels)
    assert proposal.positive == ""


def test_a_target_of_names_is_refused_by_name(tmp_path):
    rows = [("yes" if number % 2 else "no", f"name {number}") for number in range(101)]
    write_table(tmp_path / "a.csv", ("y", "age"), rows)
    with pytest.raises(FileUnfitError, match="age has 101 different values"):
        propose(open_table(tmp_path / "a.csv"), "age")


@pytest.mark.parametrize(
    ("name", "problem_type"), [("telco", "binary"), ("tickets", "multiclass"), ("rents", "regression")]
)
def test_an_example_is_the_same_every_time_and_nobody_is_in_two_of_its_files(tmp_path, name, problem_type):
    (tmp_path / "two").mkdir()
    first, second = write_example(tmp_path, name), write_example(tmp_path / "two", name)
    assert first.training.read_bytes() == second.training.read_bytes()
    key, *_, target = EXAMPLES[name].columns
    keys = [list(open_table(path).column(key)) for path in (first.training, first.june, first.july)]
    assert [len(each) for each in keys] == [4000, 1500, 1500]
    assert len({text for each in keys for text in each}) == 7000
    assert target not in open_table(first.june).header
    proposal = propose(open_table(first.training), target)
    assert (proposal.problem_type, proposal.key) == (problem_type, key)


def test_overrides_are_written_into_their_environment_and_the_rest_is_kept(tmp_path):
    config = tmp_path / "samconfig.toml"
    shutil.copy(ROOT / "samconfig.toml", config)
    before = tomllib.loads(config.read_text())
    write_overrides(config, {"TargetColumn": "has left", "DropColumns": "", "PositiveLabel": 'say "yes"'})
    write_overrides(config, {"TargetColumn": "Churn"})
    assert read_overrides(config) == {
        "TargetColumn": "Churn",
        "DropColumns": "",
        "PositiveLabel": 'say "yes"',
    }
    write_overrides(config, {"TargetColumn": "y"}, "prod")
    assert read_overrides(config, "prod") == {"LogRetentionDays": "365", "TargetColumn": "y"}
    after = tomllib.loads(config.read_text())
    for environment in ("default", "prod"):
        for document in (before, after):
            document[environment]["deploy"]["parameters"].pop("parameter_overrides", None)
    assert after == before
    assert config.read_text().startswith("# Environments:")


def test_the_nearest_environment_is_suggested_for_an_unknown_one(tmp_path):
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    with pytest.raises(OptionUnfitError, match="no environment prd. Did you mean prod"):
        read_overrides(tmp_path / "samconfig.toml", "prd")


def test_up_takes_the_parameters_that_init_wrote(clone, started, capsys):
    write_example(clone, "telco")
    assert main(["init", "telco.csv", "--yes", "--email", "me@example.com"]) == 0
    assert main(["up", "--port", "5000", "--parameter", "MinRows=100"]) == 0
    make, folder, line = started
    assert make[-1] == "install"
    assert folder == clone
    assert line[:4] == ["-m", "sandbox", "up", "--port=5000"]
    given = dict(word.removeprefix("--parameter=").split("=", 1) for word in line[4:])
    assert given["TargetColumn"] == "Churn"
    assert given["AlertEmail"] == "me@example.com"
    assert given["MinRows"] == "100"
    assert (given["IdColumn"], given["DropColumns"]) == ("customerID", "")
    assert "Wrote into" in capsys.readouterr().out


def test_init_asks_for_missing_options(clone, monkeypatch, capsys):
    write_example(clone, "telco")
    answers = iter(["PhoneService", "No", "-", "tenure, gender", "-"])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    assert main(["init", "telco.csv", "--json"]) == 0
    parameters = json.loads(capsys.readouterr().out)["parameters"]
    assert parameters["TargetColumn"] == "PhoneService"
    assert parameters["PositiveLabel"] == "No"
    assert parameters["DropColumns"] == "tenure,gender"
    assert parameters["AlertEmail"] == ""


def test_an_empty_sandbox_gets_no_parameters(clone, started):
    assert main(["up", "--empty"]) == 0
    assert started[-1] == ["-m", "sandbox", "up", "--port=0", "--empty"]


def test_the_parameters_of_the_template_are_known():
    declared = declared_parameters(ROOT / "template.yaml")
    assert {"TargetColumn", "PollSeconds"} <= set(declared)
    assert "Type" not in declared


def test_without_pandas_a_frame_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(PandasMissingError, match="pip install pandas"):
        read_frame(tmp_path / "a.csv")


def test_a_path_is_used_unchanged_and_a_frame_is_written(tmp_path):
    class DataFrame:
        def to_csv(self, path, index):
            path.write_text(f"age\n{index}\n")

    assert local_file("a.csv", tmp_path, "rows").name == "a.csv"
    assert local_file(DataFrame(), tmp_path, "rows").read_text() == "age\nFalse\n"
