"""`python -m januspore`: commands on a data space."""

from .quiet import QuietImports

with QuietImports():
    import argparse
    import os
    import shlex
    import sys
    from pathlib import Path

    import pandas as pd
    import signac

    from . import __version__
    from .files import written_aside
    from .materials import ION_CHARGES, MATERIALS
    from .products.kept import FORMATS
    from .products.results import (
        figures,
        findings,
        parse_filter,
        product_table,
        results,
    )
    from .run.command import carry_out
    from .run.failures import marked
    from .space.dataspace import find_project
    from .space.varying import varying

_ELEMENTS = dict.fromkeys(element for own in MATERIALS.values() for element in own.elements)
#: Columns that fit a terminal; `--csv` and `--json` have all columns.
_SHOWN = (
    "job",
    "charge_set.name",
    "charge_set.material",
    *(f"charge_set.{element}" for element in _ELEMENTS),
    "protocol.name",
    "seed",
    "simulated_ps",
    "T_trans_K",
    "waters_in_pore",
    "bulk_water_per_nm3",
    "mean_cosine_low_positive_field",
    "mean_cosine_high_positive_field",
    *(f"{ion}_crossings_{way}" for ion in ION_CHARGES for way in ("forward", "backward")),
)


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; returns the exit status."""
    options = _options(arguments)
    if "folder" in options:
        return carry_out(lambda: _new(options.folder))
    if "token" in options:
        return carry_out(lambda: _dashboard(options))
    if "repair" in options:
        return carry_out(lambda: _verify(options.project, options.repair))
    return carry_out(lambda: options.command(find_project(options.project), options))


def _verify(root: Path, repair: bool) -> int:
    from .verify import verify_command

    return verify_command(root, repair)


def _dashboard(options: argparse.Namespace) -> None:
    from .dashboard.command import dashboard

    dashboard(options.project, options.host, options.port, options.token)


def _new(folder: Path) -> None:
    from .run.new import new_space

    for path in new_space(folder):
        print(f"made: {path}")
    print(f"next: cd {shlex.quote(str(folder))} && python init.py --study quick --dry-run")


def _results(project: signac.Project, options: argparse.Namespace) -> None:
    where = parse_filter(options.filter)
    if options.product:
        table = product_table(project, options.product, where)
    else:
        table = results(project, where)
    if options.csv:
        print(table.to_csv(index=False), end="")
    elif options.json:
        print(table.to_json(orient="records", indent=1))
    elif table.empty:
        print("no results match")
    else:
        print(_narrow(table if options.product else table[_columns(project, table)]))


def _columns(project: signac.Project, table: pd.DataFrame) -> list[str]:
    """The columns that a terminal shows: a choice, and every key that varies."""
    names = table["protocol.name"].unique()
    varies = {f"protocol.{key}": None for name in names for key in varying(project, name).telling}
    at = _SHOWN.index("seed")
    shown = [*_SHOWN[:at], *varies, *_SHOWN[at:]]
    return [column for column in shown if column in table]


def _summary(project: signac.Project, options: argparse.Namespace) -> None:
    if not len(project):
        print("the data space is empty; python init.py makes jobs")
    elif options.all:
        _everything(project)
    else:
        from .report.summary import summary

        print("\n".join(summary(project)))
    failed = list(marked(project))
    shown = failed if options.all else failed[:3]
    for line in shown:
        print(f"failed: {line}")
    if len(failed) > len(shown):
        print(f"failed: {len(failed) - len(shown)} more, which summary --all names")


def _everything(project: signac.Project) -> None:
    table = results(project)
    charges = ("charge_set.material", "protocol.name")
    kinds = [c for c in _columns(project, table) if c in charges or c.startswith("protocol.")]
    table[kinds] = table[kinds].map(lambda v: "-" if v != v else str(v))
    done = table.groupby(kinds)["analysed"]
    print(done.agg(jobs="size", analysed="sum").reset_index().to_string(index=False))
    for ensemble, product, found in findings(project):
        for key, value in found.items():
            print(f"{ensemble} {product}: {key} = {_short(value)}")
    for path in figures(project):
        print(f"figure: {path.relative_to(project.path)}")


def _report(project: signac.Project, options: argparse.Namespace) -> None:
    from .report.write import write_report

    for path in write_report(project, options.output, options.format):
        what = "report" if path.stem == "report" else "figure"
        print(f"{what}: {path if options.output else os.path.relpath(path, project.path)}")


def _sweep(project: signac.Project, options: argparse.Namespace) -> None:
    from .products.sweep import Asked
    from .products.sweep_files import write_sweep

    asked = Asked(
        quantities=tuple(filter(None, options.quantity.split(","))),
        over=options.over,
        by=options.by,
        allowed=tuple(options.allow),
        product=options.product,
        where=parse_filter(options.filter),
    )
    table, paths = write_sweep(project, asked)
    print(_narrow(table.drop(columns="ensemble")))
    for path in paths:
        print(f"sweep: {os.path.relpath(path, project.path)}")


def _row(project: signac.Project, options: argparse.Namespace) -> None:
    from .run.row import workflow

    path = Path(project.path, "workflow.toml")
    with written_aside(path) as aside:
        aside.write_text(workflow(), encoding="utf-8")
    print(f"written: {path.name}")


def _device(project: signac.Project, options: argparse.Namespace) -> None:
    from .device.command import device_command

    where = parse_filter(options.filter)
    device_command(project, options.charges, where, options.export, options.output)


def _check(project: signac.Project, options: argparse.Namespace) -> int:
    from .check.command import check

    return check(project, options.seconds, as_json=options.json, keep=not options.dry_run)


def _short(value: object) -> str:
    if isinstance(value, list) and len(value) == 3 and all(isinstance(v, float) for v in value):
        from .analysis.statistics import shown

        return shown(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _narrow(table: pd.DataFrame) -> str:
    table = table.rename(columns=lambda c: c.removeprefix("charge_set.").removeprefix("protocol."))
    if "job" in table:
        table["job"] = table["job"].str[:8]
    return table.to_string(index=False, float_format=lambda v: f"{v:.4g}", na_rep="-")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; a sweep's filter may stand behind its options, too."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and ("over" not in options or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.filter += rest
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m januspore", description=__doc__)
    parser.add_argument(
        "--project", type=Path, default=Path.cwd(), help="the data space (default: this folder)"
    )
    parser.add_argument("--version", action="version", version=f"januspore {__version__}")
    commands = parser.add_subparsers(required=True)
    new = commands.add_parser("new", help="make a data space: scripts, studies, configuration")
    new.add_argument("folder", type=Path, metavar="DIR", help="an empty folder, or none yet")
    ask = commands.add_parser("results", help="results by state point")
    ask.add_argument("filter", nargs="*", metavar="KEY=VALUE", help="such as charge_set.Se=-0.45")
    ask.add_argument("--product", help="a product's table instead of one row for each job")
    form = ask.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="every column, as CSV")
    form.add_argument("--json", action="store_true", help="every column, as JSON records")
    ask.set_defaults(command=_results)
    sweep = commands.add_parser("sweep", help="a number of a product against a key")
    sweep.add_argument(
        "quantity",
        help="such as conductance: a finding of a product or a column of its table; several by ,",
    )
    sweep.add_argument(
        "filter",
        nargs="*",
        metavar="KEY=VALUE",
        help="a key of the state point chooses ensembles, a column of a table its row",
    )
    sweep.add_argument("--over", required=True, metavar="KEY", help="such as charge_set.Se")
    sweep.add_argument("--by", default="", metavar="KEY", help="a curve for each of its values")
    sweep.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="KEY",
        help="may differ, too; may be repeated",
    )
    sweep.add_argument("--product", default="", help="where several have the quantity")
    sweep.set_defaults(command=_sweep)
    tell = commands.add_parser(
        "summary", help="what is finished, what was found, where the figures are"
    )
    tell.add_argument("--all", action="store_true", help="every number of every product")
    tell.set_defaults(command=_summary)
    report = commands.add_parser(
        "report", help="a page with the paper's results and this data space's"
    )
    report.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="put it there, with every product's files and the table of jobs, instead of results/",
    )
    report.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="svg or pdf: draw every figure in it as well, from the analyses, beside its PNG",
    )
    report.set_defaults(command=_report)
    verify = commands.add_parser(
        "verify", help="verify the whole data space: its faults, each with a remedy"
    )
    verify.add_argument("--repair", action="store_true", help="do what loses nothing")
    check = commands.add_parser(
        "check", help="engines of this machine: whether they compute correctly, and how fast"
    )
    check.add_argument(
        "--seconds", type=float, default=120.0, help="for timings, all together (default: 120)"
    )
    check.add_argument("--json", action="store_true", help="all measurements, as JSON")
    check.add_argument("--dry-run", action="store_true", help="write no preference down")
    check.set_defaults(command=_check)
    browse = commands.add_parser("dashboard", help="look at the data space in a browser")
    browse.add_argument(
        "--host", default="localhost", help="listen here; other than this machine needs --token"
    )
    browse.add_argument("--port", help="default: the first that is free from 8888 on")
    browse.add_argument("--token", help="that a browser must give (default: a new one, printed)")
    device = commands.add_parser("device", help="a compact model of a pore, for circuit simulators")
    device.add_argument(
        "filter", nargs="*", metavar="KEY=VALUE", help="such as protocol.cell.pore_diameter_nm=2.0"
    )
    device.add_argument("--charges", required=True, metavar="NAME", help="of the charge set")
    device.add_argument(
        "--export", choices=("spice", "verilog-a", "json"), default="spice", help="default: spice"
    )
    device.add_argument("--output", type=Path, metavar="FILE", help="instead of devices/<name>")
    device.set_defaults(command=_device)
    row = commands.add_parser("row", help="write workflow.toml, the operations for row")
    row.set_defaults(command=_row)
    return parser


if __name__ == "__main__":
    sys.exit(main())
