"""Sheets of XLSX, tables in other encodings, and columns of other names."""

from __future__ import annotations

import html
import zipfile
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from hannun import sources
from hannun.item import Item
from tests.sources.found import plain, read
from tests.sources.test_facts import CODES, NAMES, TEXT, WITHOUT_SHARED, as_fact, given_back


def sheet(path: Path, *rows: list[Any]) -> Path:
    """A minimal XLSX with one sheet, as the standard has it (ECMA-376): strings in their cells, numbers, truths."""

    def one(value: Any) -> str:
        match value:
            case None:
                return "<c/>"
            case bool():
                return f'<c t="b"><v>{int(value)}</v></c>'
            case str():
                return f'<c t="inlineStr"><is><t xml:space="preserve">{html.escape(value)}</t></is></c>'
        return f"<c><v>{value!r}</v></c>"

    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    tied = f'<Relationships xmlns="{package}/relationships">'
    lines = "".join("<row>" + "".join(map(one, row)) + "</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'{tied}<Relationship Id="r" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": tied
        + f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{lines}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + content)
    return path


@hypothesis.given(
    st.dictionaries(NAMES, TEXT.filter(bool) | CODES | st.integers(-(10**15), 10**15) | st.booleans(), min_size=1, max_size=4)
)
@WITHOUT_SHARED
def test_what_an_xlsx_holds_is_read_back(tmp_path: Path, given: dict[str, Any]) -> None:
    pytest.importorskip("python_calamine", reason="needs hannun[formats]")
    sheet(tmp_path / "t.xlsx", ["text", *given], ["x", *given.values()])
    assert [*map(as_fact, given_back(tmp_path / "t.xlsx"))] == [as_fact(given)]


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04" + b"\0" * 99, b"x" * 500])
def test_something_else_named_xlsx_is_one_problem(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.xlsx").write_bytes(data)
    items, problems = read(tmp_path / "t.xlsx")
    assert not items and len(problems) == 1 and problems[0].id == f"{tmp_path.name}/t.xlsx" and "\n" not in problems[0].reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize(("name", "mark"), [("t.csv", ","), ("t.tsv", "\t"), ("t.csv", "\t"), ("t.csv", ";")])
def test_tables_of_text_in_every_encoding(tmp_path: Path, encoding: str, name: str, mark: str) -> None:
    lines = [["id", "text", "가격"], ["1", "빨간 원피스", "9900"], ["2", "파란 셔츠", "3.10"]]
    (tmp_path / name).write_bytes("\n".join(mark.join(line) for line in lines).encode(encoding))
    items, problems = read(tmp_path / name)
    assert not problems and [(it.id, it.text) for it in items] == [("1", "빨간 원피스"), ("2", "파란 셔츠")]
    assert [plain(it) for it in items] == [{"가격": 9900}, {"가격": "3.10"}]


def test_columns_without_a_name_or_with_one_twice_are_kept(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",text,색,색\n0,하나,빨강,파랑\n", "utf-8")
    assert given_back(tmp_path / "t.csv") == [{"column 1": 0, "색": "빨강", "색 (4)": "파랑"}]


@pytest.mark.parametrize(
    ("header", "row", "proposal"),
    [
        ("번호,상품명,가격", '1,빨간 원피스,"39,000"', "text=상품명,id=번호"),
        ("sku,사진,title", "a,b.jpg,원피스", "text=title,image=사진,id=sku"),
        ("a,b,c", "1,b.png,2", "image=b"),
        ("a,b,c", "1,빨간 원피스입니다,색", "text=b"),
    ],
)
def test_other_columns_are_read_as_proposed(tmp_path: Path, header: str, row: str, proposal: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n{row}\n", "utf-8")
    _, (problem,) = read(tmp_path / "t.csv")
    assert f"`--columns {proposal}`" in problem.reason
    reading = sources.Reading(dict(p.split("=") for p in proposal.split(",")))
    (found,) = sources.read([tmp_path / "t.csv"], reading)
    assert isinstance(found, Item) and found.parts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("39,000원", 39000), ("₩1,200", 1200), ("19.90", 19.9), ("3만원", 30000), ("1.5만", 15000), ("-5", -5), ("12 개", 12)),
        *(("1,00", None), ("비쌈", None), ("1~2", None), ("010-1234-5678", None), ("", None)),
    ],
)
def test_amounts_are_numbers_where_they_are_asked_for(tmp_path: Path, text: str, number: float | None) -> None:
    (tmp_path / "t.csv").write_text(f'text,가격\nx,"{text}"\n', "utf-8")
    (found,) = sources.read([tmp_path / "t.csv"], sources.Reading(numbers=frozenset({"가격"})))
    assert isinstance(found, Item) and plain(found).get("가격", "") == (text if number is None else number)
