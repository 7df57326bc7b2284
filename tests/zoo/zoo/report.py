"""The table, the verdict on each gate, the JSON."""
import json
import os

from .score import UNTOLD, Score

HEAD = ("case", "phase", "calls", "linked", "right", "wrong", "exact r/w", "probable r/w", "precision", "recall", "join", "lab P/R",
        "unlinked, findings")


def percent(value):
    """Never rounds up to 100."""
    if value is None:
        return "-"
    return "100" if value == 1 else f"{min(value * 100, 99.99):.2f}"


def pair(score, confidence):
    return f"{score.right[confidence]}/{score.wrong[confidence]}"


def row(name, phase, score, lab, notes):
    return (name, phase, str(score.calls + score.lost), str(score.linked), str(score.right_count), str(score.wrong_count), pair(score, "exact"),
            pair(score, "probable"), percent(score.precision), percent(score.recall), percent(score.join), lab, notes)


def notes_of(score):
    parts = [f"{reason} {count}" for reason, count in score.unlinked.most_common()]
    if score.lost:
        parts.append(f"no span {score.lost}")
    if score.uncaused:
        parts.append(f"uncaused {score.uncaused}")
    if score.misjoined:
        parts.append(f"MISJOINED {score.misjoined}")
    return ", ".join(parts)


def rows_of(result):
    case = result.case
    if result.skipped or result.failed:
        yield (case.name, "-", *["-"] * 10, f"SKIPPED: {result.skipped}" if result.skipped else f"FAILED: {result.failed}")
        return
    phases = result.verdict.phases
    known = [name for name in ("mid", "k1", "k10", "k100", "n10", "n100") if name in phases]
    for phase in known + sorted(phases.keys() - set(known)):
        yield row(case.name, phase, phases[phase], case.lab.get(phase, "-"), notes_of(phases[phase]))
    evidence = " ".join(f"{name} {count}" for name, count in result.verdict.total().evidence.most_common())
    findings = list(result.verdict.findings)
    if result.replay:
        findings.append(f"REPLAY: {result.replay}")
    if result.dropped:
        findings.append(f"dropped {result.dropped}")
    if result.unanswered:
        findings.append(f"{result.unanswered} requests without an answer")
    yield row(case.name, "all", result.verdict.total(), case.lab.get("all", "-"), "; ".join([evidence, *findings]))


def aligned(rows):
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEAD) - 1)]
    for line in rows:
        cells = [line[0].ljust(widths[0]), line[1].ljust(widths[1])] + [cell.rjust(width) for cell, width in zip(line[2:-1], widths[2:])]
        yield "  ".join([*cells, line[-1]]).rstrip()


def table(results):
    return list(aligned([HEAD] + [line for result in results for line in rows_of(result)]))


class Gate:
    def __init__(self, name, misses, looked_at):
        self.name = name
        self.misses = misses
        self.looked_at = looked_at

    @property
    def passed(self):
        return not self.misses and self.looked_at > 0

    def line(self):
        word = "PASS" if self.passed else "FAIL" if self.misses else "NONE"
        text = f"{word}  {self.name} ({self.looked_at} looked at)"
        return text if not self.misses else text + f": {len(self.misses)} missed: " + "; ".join(self.misses[:12]) + (" ..." if len(self.misses) > 12 else "")


def gates(results):
    """Every gate of the issue over what was measured. A gate that nothing was held against is not passed."""
    measured = [result for result in results if result.verdict]
    broken = [f"{result.case.name}: {result.failed}" for result in results if result.failed]
    zoo = Score()
    for result in measured:
        zoo.add(result.verdict.total())
    yield Gate("every case that has its runtime was measured", broken, len(measured) + len(broken))
    yield Gate("no wrong exact link anywhere", [f"{r.case.name} {r.verdict.total().wrong['exact']}" for r in measured
                                                if r.verdict.total().wrong["exact"]], zoo.right["exact"] + zoo.wrong["exact"])
    yield Gate("no link without a confidence", [r.case.name for r in measured if r.verdict.total().right["none"] + r.verdict.total().wrong["none"]],
               zoo.linked)
    yield Gate("no request joined with another's", [f"{r.case.name} {r.verdict.total().misjoined}" for r in measured
                                                    if r.verdict.total().misjoined], zoo.requests)
    yield Gate("both-ends join 100 %", [f"{r.case.name} {r.verdict.total().joined} of {r.verdict.total().requests}" for r in measured
                                        if r.verdict.total().join != 1 and not r.case.midflight], zoo.requests)
    made = zoo.right["probable"] + zoo.wrong["probable"]
    precision = zoo.precision_of("probable")
    yield Gate("precision of probable links over the zoo >= 99.5 %", [f"{percent(precision)} % of {made}"] if made and precision < 0.995 else [], made)
    low = [(r.case.name, r.verdict.total().precision_of("probable")) for r in measured]
    yield Gate("precision of probable links in every case >= 98 %", [f"{name} {percent(value)} %" for name, value in low if value is not None and value < 0.98],
               sum(value is not None for _, value in low))
    for least in (0.99, 0.95):
        bound = [(r, phase, score) for r in measured if r.case.recall == least for phase, score in r.verdict.phases.items() if phase != UNTOLD]
        yield Gate(f"recall >= {least * 100:.0f} % where promised, at every concurrency",
                   [f"{r.case.name} {phase} {percent(score.recall)} %" for r, phase, score in bound if score.recall is None or score.recall < least],
                   len(bound))
    replayed = [r for r in measured if r.replay is not None]
    yield Gate("replay of the recording gives the same spans", [f"{r.case.name}: {r.replay}" for r in replayed if r.replay], len(replayed))


def promised(case):
    return f"recall >= {case.recall * 100:.0f} %" if case.recall else "no promise"


def print_all(results, all_gates):
    for line in table(results):
        print(line)
    print()
    below = [r for r in results if r.verdict and r.case.why and (r.verdict.total().recall or 0) < 0.99]
    if below:
        print("Below 99 % recall, why, and what would mend it:")
        for result in below:
            print(f"  {result.case.name} ({percent(result.verdict.total().recall)} %, {promised(result.case)}): {result.case.why}")
        print()
    for result in results:
        for pattern, count in sorted(dict(result.patterns).items(), key=lambda entry: -entry[1]):
            print(f"wrong links in {result.case.name}: {count} x {pattern}")
        for example in result.examples:
            print(f"wrong link in {result.case.name}: {example['pattern']}")
            for name in ("call", "given", "right"):
                print(f"  {name}: {json.dumps(example[name])}")
            for line in example["events"]:
                print(f"    {line}")
            print()
    skipped = [result for result in results if result.skipped]
    for result in skipped:
        print(f"SKIP {result.case.name}: {result.skipped}")
    for gate in all_gates:
        print(gate.line())
    print(f"{sum(bool(r.verdict) for r in results)} cases measured, {sum(bool(r.failed) for r in results)} failed, {len(skipped)} skipped; "
          f"{sum(gate.passed for gate in all_gates)} of {len(all_gates)} gates passed")


def as_json(results, all_gates):
    cases = {}
    for result in results:
        entry = {"seconds": round(result.seconds, 1), "recall_promised": result.case.recall, "lab": result.case.lab}
        if result.verdict:
            entry.update(phases={phase: score.json() for phase, score in result.verdict.phases.items()}, all=result.verdict.total().json(),
                         findings=result.verdict.findings, replay=result.replay, dropped=result.dropped, unanswered=result.unanswered,
                         links=result.summary.get("links"), unlinked=result.summary.get("unlinked"), wrong_patterns=dict(result.patterns), wrong=result.examples)
        else:
            entry.update(skipped=result.skipped, failed=result.failed)
        cases[result.case.name] = entry
    return {"cases": cases, "gates": [{"name": gate.name, "passed": gate.passed, "looked_at": gate.looked_at, "misses": gate.misses}
                                      for gate in all_gates]}


def write_json(path, results, all_gates):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(as_json(results, all_gates), file, indent=1)
        file.write("\n")
