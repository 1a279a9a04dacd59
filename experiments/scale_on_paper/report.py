"""Tables for the terminal and for the page, made from the result."""

import ast
import dataclasses
import inspect
import itertools
from collections.abc import Mapping
from typing import Any

from experiments._shared.record import Markdown, table
from experiments._shared.tables import figure
from experiments.scale_on_paper.derive import Assumed
from experiments.scale_on_paper.rules import BEFORE, NOW, OWN, RANDOM
from experiments.scale_on_paper.scenarios import by, compared

_STAGES = ("survey", "input", "device", "store")


def costs(result: Mapping[str, Any]) -> Markdown:
    """Each method: rows a second of a device, hours on one and on the pod, and what holds it up."""
    devices = result["assumed"]["devices"]
    head = (
        "method, model",
        "rows a second, one device",
        "hours, one device",
        f"hours, {devices}",
        f"device-hours, {devices}",
        "device at work, one",
        f"device at work, {devices}",
        "bottleneck, one",
        f"bottleneck, {devices}",
    )
    return table(
        head,
        [
            (
                name,
                _amount(entry["device_rows_a_second"]),
                _amount(entry["one"]["hours"]),
                _amount(entry["pod"]["hours"]),
                _amount(entry["pod"]["device_hours"]),
                f"{entry['one']['device_busy']:.0%}",
                f"{entry['pod']['device_busy']:.0%}",
                entry["one"]["bottleneck"],
                entry["pod"]["bottleneck"],
            )
            for name, entry in result["derived"]["methods"].items()
        ],
    )


def stages(result: Mapping[str, Any]) -> Markdown:
    """The hours of each stage on the pod."""
    listed = result["derived"]["methods"]
    names = _STAGES
    return table(
        ("hours on the pod", *names),
        [(name, *(_amount(entry["pod"]["stages"][stage]) for stage in names)) for name, entry in listed.items()],
    )


def assumed(result: Mapping[str, Any]) -> Markdown:
    """Every assumption, with its flag."""
    about = attributes(Assumed)
    return table(
        ("flag", "value", "what it is"),
        [
            (f"`--assumed.{name.replace('_', '-')}`", value if isinstance(value, str) else f"{value:,g}", about[name])
            for name, value in result["assumed"].items()
        ],
    )


def attributes(config: type) -> dict[str, str]:
    """What the docstrings below the attributes of a dataclass say.

    Example:
      >>> attributes(Assumed)["texts"]
      'How many texts.'
    """
    body = next(node for node in ast.parse(inspect.getsource(config)).body if isinstance(node, ast.ClassDef)).body
    said = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            said[ast.unparse(field.target)] = str(text.value.value)
    return {field.name: said[field.name] for field in dataclasses.fields(config)}


def measured(result: Mapping[str, Any]) -> Markdown:
    """What was measured, a line each."""
    found, lines = result["measured"], []
    for name, entry in found["explain"].items():
        rate = entry["rows_a_second"]
        amount = "too few rows to tell" if rate is None else f"{_amount(rate)} rows a second"
        lines.append((f"{name}, {result['counts']['tokens'][-1]} tokens, through `scale.run`", amount))
    for what, title in (("read", "reading"), ("survey", "the survey")):
        for source, entries in found[what].items():
            for entry in entries:
                more = f", {entry['memory_bytes_a_row']:,.0f} bytes of memory a row" if what == "survey" else ""
                rate = f"{_amount(1 / entry['seconds_a_row'])} rows a second{more}"
                lines.append((f"{title}, {entry['tokens']} tokens, {source}", rate))
    for entry in found["store"]:
        name = f"a stored row of {entry['tokens']} tokens"
        encode, publish = (1e6 * entry[f"{step}_seconds_a_row"] for step in ("encode", "publish"))
        lines.append(
            (name, f"{entry['bytes_a_row']:,.0f} bytes, {encode:,.0f} µs to encode, {publish:,.0f} to publish")
        )
    return table(("", "one core"), lines)


def simulated(result: Mapping[str, Any]) -> Markdown:
    """Every scenario as the library is."""
    head = (
        "when a worker fails",
        "hours between failures",
        "failures",
        "started by hand",
        "makespan over ideal",
        "over that of living workers",
        "done twice",
        "cut off",
        "listings",
        "lost",
        "published twice",
    )
    return table(head, [_line(line, line["scenario"]) for line in by(result["simulation"], rules="as it is")])


def rules(result: Mapping[str, Any]) -> Markdown:
    """The rules beside each other, where they were compared."""
    head = ("", "makespan over ideal", "last worker's end over ideal", "done twice", "listings", "requests")
    lines = []
    for scenario, hours in compared(result["simulation"]):
        for line in by(result["simulation"], scenario=scenario, hours_between_failures=hours):
            name = scenario if hours is None else f"{scenario}, {hours:g} h"
            lines.append(
                (
                    f"{name}: {line['rules']}",
                    figure(line["over_ideal"], ".3f"),
                    figure(line["ended_over_ideal"], ".3f"),
                    figure(line["twice"], ".1%"),
                    figure(line["listings"], ",.0f"),
                    figure(line["requests"], ",.0f"),
                )
            )
    return table(head, lines)


def _line(line: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    hours = line["hours_between_failures"]
    return (
        name,
        "" if hours is None else f"{hours:g}",
        figure(line["failures"], ",.0f"),
        figure(line["starts_by_hand"], ".1f"),
        figure(line["over_ideal"], ".3f"),
        figure(line["over_alive"], ".3f"),
        figure(line["twice"], ".1%"),
        figure(line["cut"], ".1%"),
        figure(line["listings"], ",.0f"),
        line["chunks_lost"],
        line["published_twice"],
    )


def _amount(value: float) -> str:
    """Three significant digits, with separators."""
    return f"{float(f'{value:.3g}'):,.10g}"


def stored(result: Mapping[str, Any]) -> Markdown:
    """Bytes and files of the store."""
    store, given = result["derived"]["store"], result["assumed"]
    return Markdown(
        f"The store of {given['texts']:,.0f} texts of {given['tokens']} tokens, with ids and one number a token, is "
        f"{store['bytes'] / 1e9:,.0f} GB in {store['files']:,} files of {store['bytes'] / store['files'] / 1e6:,.1f} "
        "MB, the same for every method."
    )


def findings(result: Mapping[str, Any]) -> Markdown:
    """What holds the run up."""
    listed, survey = result["derived"]["methods"], result["derived"]["survey"]
    hours, devices = survey["hours_of_each_process"], result["assumed"]["devices"]

    def held(where: str) -> str:
        found = {name: entry[where]["bottleneck"] for name, entry in listed.items()}
        some = {stage: [name for name in found if found[name] == stage] for stage in _STAGES}
        return ". ".join(f"*{stage}*: {'; '.join(names)}" for stage, names in some.items() if names)

    lines = [
        f"- **One device**, what takes longest. {held('one')}.",
        f"- **{devices} devices**, what takes longest. {held('pod')}.",
        "- **The survey.** Before a run every process reads every text once, for ids, lengths and a fingerprint: "
        f"{hours:.2g} hours for each process, however many there are, and about "
        f"{survey['memory_bytes_of_each_process'] / 1e9:,.0f} GB of memory in each. {devices} devices wait "
        f"{hours * devices:,.0f} device-hours for it, and a worker that comes back waits again. One process could "
        "make it and leave it in the folder for all; it does not yet.",
        f"- **Parquet.** Read row by row, a list gives {_ratio(result['measured']['read'])} times the rows a second of "
        "a parquet file. Either lies whole in the memory of every process.",
    ]
    return Markdown("\n".join(lines))


def setting(result: Mapping[str, Any]) -> Markdown:
    """What is simulated."""
    settings, size = result["settings"], result["settings"]["size"]
    return Markdown(
        f"{size['chunks']:,} chunks, {size['workers']} workers, {settings['repetitions']} repetitions with other "
        f"seeds. A chunk takes {size['chunk_minutes']:g} minutes in the mean; durations are lognormal, with a sigma of "
        f"{size['by_length']:g} between chunks (the longest first), {size['speed']:g} between workers and "
        f"{size['noise']:g} from time to time. A worker fails after an exponential time and comes back after "
        f"{settings['restart_minutes']:g} minutes, or never."
    )


def verdict(result: Mapping[str, Any]) -> Markdown:
    """What the comparison of the rules says."""

    def told(rule: str, what: str = "twice") -> str:
        line = by(result["simulation"], scenario="no failures", rules=rule)[0]
        return figure(line[what], ".1%" if what == "twice" else ".3f")

    return Markdown(
        "Without failures, workers that take the others' chunks one after another do "
        f"{told(BEFORE)} of the work twice and take {told(BEFORE, 'over_ideal')} times the ideal, for many meet at the "
        f"same missing chunk; in a random order it is {told(RANDOM)} and {told(RANDOM, 'over_ideal')}. A slow worker "
        "that does not look up its own chunks does its last ones though others have done them, and the last ends at "
        f"{told(RANDOM, 'ended_over_ideal')}; where it looks, {told(OWN)} are done twice and the last ends at "
        f"{told(OWN, 'ended_over_ideal')}. The library also looks once more when it begins a chunk: {told(NOW)}, "
        f"{told(NOW, 'over_ideal')} and {told(NOW, 'ended_over_ideal')}. That costs two listings a chunk, where "
        "several processes work."
    )


def made_with(result: Mapping[str, Any]) -> Markdown:
    """The line that says how the recorded result came about."""
    versions, spent = result["versions"], result["cost"]["simulated runs"]
    return Markdown(
        f"Recorded with jaxattr {versions['jaxattr']}, JAX {versions['jax']}, on {result['device']} with "
        f"{result['cores']} cores and a load of {result['load']:.1f}, seed {result['seed']}; {spent['rows']} runs were "
        f"simulated in {spent['seconds']:.0f} s."
    )


def _ratio(reading: Mapping[str, Any]) -> str:
    return f"{reading['parquet'][-1]['seconds_a_row'] / reading['list'][-1]['seconds_a_row']:,.0f}"
