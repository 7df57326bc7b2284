"""A figure of a benchmark, the baseline, and the table of scripts/bench."""
import dataclasses
import json
import typing


@dataclasses.dataclass
class Figure:
    name: str  # "part.figure", as in the baseline and in --json
    text: str
    value: float
    most: typing.Optional[float] = None  # the aim, one of these
    least: typing.Optional[float] = None
    timed: bool = False  # by a clock: never a reason to fail
    must: bool = False  # an account that does not balance: always a reason to fail

    @property
    def aim(self):
        if self.most is not None:
            return f"<= {number(self.most)}"
        return f">= {number(self.least)}" if self.least is not None else ""

    @property
    def is_met(self):
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)


def number(value):
    if value is None:
        return ""
    digits = 0 if abs(value) >= 1000 or value == int(value) else 2 if abs(value) >= 1 else 5
    return f"{value:,.{digits}f}"


def table(figures, last):
    rows = [("figure", "aim", "this run", "last of main", "")]
    for figure in figures:
        notes = [] if figure.is_met else ["missed"]
        notes += ["by the clock"] if figure.timed else []
        rows.append((figure.text, figure.aim, number(figure.value), number(last.get(figure.name)), ", ".join(notes)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [row[i].rjust(widths[i]) for i in (1, 2, 3)] + [row[4]]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_json(figures, toolchain, details=None):
    values = {f.name: {"value": f.value, "most": f.most, "least": f.least, "timed": f.timed, "met": f.is_met} for f in figures}
    return json.dumps({"toolchain": toolchain, "figures": values, "details": details or {}}, indent=2) + "\n"


def read_baseline(path):
    """{"toolchain": text, "figures": {name: value}}; empty where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"toolchain": "", "figures": {}}


def write_baseline(path, figures, toolchain):
    baseline = read_baseline(path)
    kept = baseline["figures"] if baseline["toolchain"] == toolchain else {}
    kept.update({figure.name: round(figure.value, 3) for figure in figures})
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({"toolchain": toolchain, "figures": dict(sorted(kept.items()))}, indent=2) + "\n")
