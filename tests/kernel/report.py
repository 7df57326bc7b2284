#!/usr/bin/env python3
"""Reads what guests wrote (build/results/vm-VERSION.log) and tells it three ways.

report.py [--junit FILE] [--write DOC] build/results/vm-VERSION...
"""
import argparse
import re
import sys
from xml.sax.saxutils import quoteattr

BEGIN, END = "<!-- vm_test: begin -->", "<!-- vm_test: end -->"


def read(prefix):
    version = prefix.rsplit("vm-", 1)[1]
    with open(prefix + ".log", encoding="utf-8", errors="replace") as file:
        text = file.read()
    release = re.search(r"^(\d+\.\d+\S*)$", text, re.MULTILINE)
    results = [(name, outcome, rest.strip()) for name, outcome, rest in re.findall(r"^RESULT (\S+) (PASS|FAIL|SKIP)(.*)$", text, re.MULTILINE)]
    if not results:
        results = [("boot", "FAIL", "no result at all")]
    return version, release.group(1) if release else version, results


def write_table(path, guests):
    names = list(dict.fromkeys(name for _, _, results in guests for name, _, _ in results))
    words = {"PASS": "yes", "FAIL": "**no**", "SKIP": "not there"}
    rows = ["| test | " + " | ".join(release for _, release, _ in guests) + " |", "|---|" + "---|" * len(guests)]
    for name in names:
        cells = [next((words[outcome] for found, outcome, _ in results if found == name), "-") for _, _, results in guests]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    head, _, rest = text.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        sys.exit(f"{path} has no '{BEGIN}' ... '{END}'")
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + BEGIN + "\n" + "\n".join(rows) + "\n" + END + tail)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--junit")
    parser.add_argument("--write")
    parser.add_argument("guests", nargs="+")
    options = parser.parse_args()
    guests = [read(prefix) for prefix in options.guests]
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    cases = []
    for version, _, results in guests:
        for name, outcome, text in results:
            counts[outcome] += 1
            print(f"{outcome} {version} {name}{': ' + text if text else ''}")
            inside = {"PASS": "", "FAIL": f"<failure message={quoteattr(text)}/>", "SKIP": f"<skipped message={quoteattr(text or 'not there')}/>"}
            cases.append(f"<testcase name={quoteattr(version + '.' + name)} status=\"run\">{inside[outcome]}</testcase>")
    if options.junit:
        with open(options.junit, "w", encoding="utf-8") as file:
            file.write("<testsuite name=\"vm\">" + "\n".join(cases) + "</testsuite>\n")
    if options.write:
        write_table(options.write, guests)
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped")
    return int(counts["FAIL"] > 0 or counts["PASS"] == 0)


sys.exit(main())
