"""Reads downloads as a spreadsheet program does, and says what is wrong with them.

    spreadsheet.py pairs FOLDER      each N.csv and N.xlsx hold the same rows; the workbook tells filters and as-of
    spreadsheet.py hostile FOLDER    no cell of any *.csv or *.xlsx is a formula, or would be read as one
"""

import csv
import datetime
import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

import openpyxl

FORMULA = "=+-@\t\r\n\0＝＋－＠"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069 \u00a0"


def records(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def written(value):
    """A cell of a workbook as the CSV would write it; numbers as numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def number(text):
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def same(left, right):
    """Whether the cell of a CSV and of a workbook say the same."""
    if isinstance(right, (int, float)):
        stated = number(left)
        return stated is not None and abs(stated - Decimal(repr(right))) <= abs(stated) * Decimal("1e-12") + Decimal("0.000001")
    left, right = left.removeprefix("'"), str(right)
    return left == right or left.rstrip("Z") == right.rstrip("Z")


def pairs(folder):
    faults, cells = [], 0
    listed = json.loads((folder / "pairs.json").read_text())
    for pair in listed:
        base = Path(pair["file"])
        rows = records(base.with_suffix(".csv"))
        book = openpyxl.load_workbook(base.with_suffix(".xlsx"))
        about = [sheet for sheet in book if sheet.title.lower().startswith("about")]
        if not about:
            faults.append(f"{pair['link']}: the workbook has no sheet About, only {book.sheetnames}")
        else:
            said = " ".join(str(written(cell.value)) for row in about[0].iter_rows() for cell in row)
            for word in ["2026Q3", "2026-09-30"] + (["mid-market"] if "segment=mid-market" in pair["link"] else []):
                if word.lower() not in said.lower():
                    faults.append(f"{pair['link']}: About does not say {word}: {said[:300]}")
        data = next(sheet for sheet in book if sheet not in about)
        lines = [[written(cell) for cell in row] for row in data.iter_rows(values_only=True)]
        head = next((at for at, line in enumerate(lines) if same_head(rows[0], line)), None)
        if head is not None:
            columns = match(rows[0], lines[head])
        else:
            # The workbook has words for people where the CSV has identifiers: the same columns in the same order.
            # The CSV says on each row what the workbook says once, in About.
            ends = rows[0].index("period")
            head = next((at for at, line in enumerate(lines) if sum(cell != "" for cell in line) == ends - 1), None)
            if head is None:
                faults.append(f"{pair['link']}: no row of the sheet is a head of {ends - 1} columns: {lines[:3]}")
                continue
            columns = {name: (at, at - 1) for at, name in enumerate(rows[0][:ends]) if at > 0}
        body = lines[head + 1 :]
        if len(body) < len(rows) - 1:
            faults.append(f"{pair['link']}: {len(rows) - 1} rows in CSV, {len(body)} in XLSX")
        for at, (left, right) in enumerate(zip(rows[1:], body), 1):
            for name, (one, other) in columns.items():
                cells += 1
                if not same(left[one], right[other]):
                    faults.append(f"{pair['link']}: row {at}, {name}: {left[one]!r} in CSV, {right[other]!r} in XLSX")
    print(f"{len(listed)} tables downloaded as CSV and XLSX, {cells} cells compared")
    return faults


def match(head, row):
    """Columns that both have, by name."""
    found = {str(cell).strip().lower(): at for at, cell in enumerate(row) if cell not in (None, "")}
    return {name: (at, found[name.strip().lower()]) for at, name in enumerate(head) if name.strip().lower() in found}


def same_head(head, row):
    return len(match(head, row)) >= max(2, len(head) // 2)


def hostile(folder):
    faults, n_cells = [], 0
    for path in sorted(folder.glob("*.csv")):
        for at, row in enumerate(records(path), 1):
            for cell in row:
                n_cells += 1
                bare = cell.lstrip(INVISIBLE)
                if bare[:1] and bare[0] in FORMULA and number(cell) is None:
                    faults.append(f"{path.name}:{at}: {cell[:60]!r} would be read as a formula")
    for path in sorted(folder.glob("*.xlsx")):
        for sheet in openpyxl.load_workbook(path):
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.value is None:
                        continue
                    n_cells += 1
                    if cell.data_type == "f":
                        # A formula of our own is a sum or quotient of cells; one from data would name more.
                        if not own(str(cell.value)):
                            faults.append(f"{path.name} {sheet.title}!{cell.coordinate}: formula {str(cell.value)[:60]!r}")
                    if cell.hyperlink and cell.hyperlink.target and not cell.hyperlink.target.startswith(("http://", "https://")):
                        faults.append(f"{path.name} {sheet.title}!{cell.coordinate}: link to {cell.hyperlink.target[:60]!r}")
    print(f"{n_cells} cells of exports read, none of them a formula" if not faults else f"{n_cells} cells read")
    return faults


def own(formula):
    """Whether a formula is one that our workbooks write: arithmetic over cells of the workbook."""
    import re

    return re.fullmatch(r"=(SUM|SUBTOTAL|COUNTA|COUNT|IF|IFERROR|AVERAGE|MEDIAN|[-+*/().,:<>=!$' A-Za-z0-9\"])*", formula) is not None and not re.search(
        r"(?i)cmd|http|hyperlink|dde|\||importxml|webservice|exec|call\(", formula
    )


if __name__ == "__main__":
    wrong = {"pairs": pairs, "hostile": hostile}[sys.argv[1]](Path(sys.argv[2]))
    for fault in wrong[:20]:
        print(f"FAILED {fault}")
    sys.exit(1 if wrong else 0)
