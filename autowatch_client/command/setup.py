"""`autowatch demo | up | init | example`: commands for before the first run."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from autowatch_client.command.terminal import Exit, JsonOption, Terminal
from autowatch_client.errors import FolderUnfitError, OptionUnfitError
from autowatch_client.examples.files import EXAMPLES, write_example
from autowatch_client.nearest import suggestion
from autowatch_client.places import require_clone
from autowatch_client.proposal import declared_parameters, propose, read_overrides, write_overrides
from autowatch_client.scoring import check_writable
from autowatch_client.tables import open_table


def demo(
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="bank-additional-full.csv.")
    ] = None,
) -> int:
    """Run the whole demo on this machine: train, score, drift, retrain."""
    arguments = ["--data", str(data.resolve())] if data else []
    return _run_in_clone("demo", "-m", "sandbox.demo", *arguments)


def up(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Default: a free port.")] = 0,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the template."),
    ] = None,
    config_env: Annotated[
        str,
        typer.Option(
            "--config-env", metavar="NAME", help="The environment of samconfig.toml to take parameters from."
        ),
    ] = "default",
    empty: Annotated[bool, typer.Option("--empty", help="Start without a stack, for `sam deploy`.")] = False,
) -> int:
    """Bring the stack up on this machine and leave it running until Ctrl-C."""
    clone = require_clone("The sandbox")
    parameters = read_overrides(clone / "samconfig.toml", config_env) | dict(map(_parameter, parameter or ()))
    declared = declared_parameters(clone / "template.yaml")
    for name in parameters:
        if name not in declared:
            raise OptionUnfitError(
                f"The template has no parameter {name}. {suggestion(name, declared, 'parameters')}"
            )
    given = ["--empty"] if empty else [f"--parameter={name}={value}" for name, value in parameters.items()]
    return _run_in_clone("sandbox", "-m", "sandbox", "up", f"--port={port}", *given)


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV to train on.")],
    target: Annotated[str | None, typer.Option("--target", metavar="COLUMN")] = None,
    positive: Annotated[str | None, typer.Option("--positive", metavar="LABEL")] = None,
    problem: Annotated[
        str | None,
        typer.Option(
            "--problem",
            metavar="TYPE",
            help="For a target with few different numbers: multiclass or regression.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="COLUMN", help="Empty: none.")] = None,
    drop: Annotated[
        str | None, typer.Option("--drop", metavar="A,B", help="Columns the model must not see.")
    ] = None,
    email: Annotated[str | None, typer.Option("--email", help="The e-mail address for alerts.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept all proposals without asking.")] = False,
    config_env: Annotated[
        str, typer.Option("--config-env", metavar="NAME", help="Of samconfig.toml.")
    ] = "default",
    as_json: JsonOption = False,
) -> int:
    """Propose the stack's parameters for a CSV, and write them into samconfig.toml."""
    terminal = Terminal(as_json)
    clone = require_clone("`autowatch init`, which writes samconfig.toml,")
    table = open_table(file)
    proposal = propose(table, target)
    terminal.say(f"{file}: {len(table.header)} columns, separated by {table.delimiter!r}")

    def ask(question: str, proposed: str, given: str | None) -> str:
        if given is not None or yes:
            return proposed if given is None else given
        return str(typer.prompt(question, default=proposed, err=True)).strip()

    if target is None and not yes:
        chosen = ask(f"Column to predict ({', '.join(proposal.targets[:5])})", proposal.targets[0], None)
        proposal = propose(table, chosen)
    problem_type = proposal.problem_type
    if not problem_type:
        question = (
            f"{proposal.targets[0]} has {len(proposal.labels)} different numbers. Are they names of classes "
            "(multiclass) or amounts (regression)?"
        )
        problem_type = ask(question, "multiclass", problem)
        _check_among(problem_type, ("multiclass", "regression"), "problem types")
    label = ""
    if problem_type == "binary":
        label = ask(
            f"Label whose probability is reported ({' or '.join(proposal.labels)})",
            proposal.positive,
            positive,
        )
        _check_among(label, proposal.labels, "labels")
    own_key = ask("Column that names each row, or - for none", proposal.key or "-", key).removeprefix("-")
    _check_among(own_key, ("", *table.header), "columns")
    dropped = ask("Columns the model must not see, known only after the outcome, or - for none", "-", drop)
    names = [name.strip() for name in dropped.removeprefix("-").split(",") if name.strip()]
    for name in names:
        _check_among(name, table.header, "columns")
    address = ask("E-mail address for alerts, or - for none", "-", email).removeprefix("-")
    parameters = _parameters(proposal.targets[0], problem_type, label, own_key, names, address)
    config = clone / "samconfig.toml"
    try:
        write_overrides(config, parameters, config_env)
    except PermissionError as error:
        raise FolderUnfitError(f"You may not write {config}. Change its permissions.") from error
    terminal.document({"config": config, "parameters": parameters})
    terminal.say(f"Wrote into {config}, for the environment {config_env}:", "green")
    for name, value in parameters.items():
        terminal.say(f"  {name}={value}")
    terminal.next("autowatch up      (this machine)", "sam build && sam deploy      (AWS)")
    return Exit.DONE


def example(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="telco: customers who may leave; tickets: which of four teams answers; rents: the "
            "rent of a flat.",
        ),
    ] = "telco",
    out: Annotated[Path, typer.Option("--out", metavar="DIR")] = Path(),
    as_json: JsonOption = False,
) -> int:
    """Write example files to try Autowatch with; all rows are invented."""
    terminal = Terminal(as_json)
    if name not in EXAMPLES:
        raise OptionUnfitError(f"There is no example {name}. {suggestion(name, EXAMPLES, 'examples')}")
    check_writable(out)
    chosen, files = EXAMPLES[name], write_example(out, name)
    terminal.document(files)
    terminal.say(f"{files.training}: 4,000 {chosen.rows}, and {chosen.target} ({chosen.columns[-1]})")
    terminal.say(f"{files.june}: 1,500 others to score; {files.june_labels}: {chosen.target}")
    terminal.say(f"{files.july}: 1,500 more, after {chosen.after}")
    terminal.next(
        f"autowatch init {files.training}{'' if name == 'telco' else f' --target {chosen.columns[-1]}'}"
    )
    return Exit.DONE


def _parameters(
    target: str, problem_type: str, label: str, key: str, dropped: list[str], address: str
) -> dict[str, str]:
    return {
        "TargetColumn": target,
        "ProblemType": problem_type,
        "PositiveLabel": label,
        "DropColumns": ",".join(dropped),
        "IdColumn": key,
        "AlertEmail": address,
    }


def _check_among(name: str, known: tuple[str, ...], kind: str) -> None:
    if name not in known:
        raise OptionUnfitError(f"{name!r} is not there. {suggestion(name, filter(None, known), kind)}")


def _parameter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise OptionUnfitError(f"--parameter {text}: write it as NAME=VALUE.")
    return name, value


def _run_in_clone(what: str, *arguments: str) -> int:
    """Runs a module of the clone in the clone's own environment, which is installed first if missing."""
    clone = require_clone(f"`autowatch {what}`")
    prepared = subprocess.run(["make", "--no-print-directory", "-C", str(clone), "install"], check=False)
    if prepared.returncode:
        return Exit.FAILED
    python = clone / ".venv" / "bin" / "python"
    # The interpreter replaces this process, so that Ctrl-C and the exit code are its own.
    os.chdir(clone)
    return os.execv(python, [str(python), *arguments])  # noqa: S606 (no shell)
