from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pigeonhole.data.cells import MAX_PROBLEMS, Columns, Problems, parse_exact, parse_fast

END = st.sampled_from(["\n", "\r\n"])


def columns(n: int, label: int = 0) -> Columns:
    names = [f"pixel{k}" for k in range(n - 1)]
    names.insert(label, "label")
    return Columns(names, label)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(2, 6), st.integers(1, 5), END)
def test_the_fast_parser_reads_every_good_table_as_python_does(data, width, height, end) -> None:
    label = data.draw(st.integers(0, width - 1))
    table = data.draw(
        st.lists(st.lists(st.integers(0, 255), min_size=width, max_size=width), min_size=height, max_size=height)
    )
    block = "".join(",".join(map(str, row)) + end for row in table).encode()
    expected = np.array(table)
    for rows in (parse_fast(block, columns(width, label)), parse_exact(block, columns(width, label), 2, Problems())):
        assert rows is not None
        assert rows[0].tolist() == expected[:, label].tolist()
        assert rows[1].tolist() == np.delete(expected, label, axis=1).tolist()


# What the fast parser must not take for a number: it may give up, never misread.
@settings(max_examples=500, deadline=None)
@given(st.text(alphabet='0123456789,,\n\r.-+e" ;x', max_size=60))
@example("1,2,3\n4,5,256\n")
@example("1,2,3\n\n4,5,6\n")
@example("1,2,3\r\n4,5,6\n")
@example("1,2,3\n4,5,6\r\n")
@example("1,2\r,3\r\n")
@example(",1,2\n")
@example("0001,2,3\n")
@example("1,2,3")
def test_what_the_fast_parser_accepts_the_exact_one_reads_the_same(text: str) -> None:
    block = text.encode()
    fast = parse_fast(block, columns(3))
    if fast is not None:
        problems = Problems()
        exact = parse_exact(block, columns(3), 2, problems)
        assert problems.lines == []
        assert fast[0].tolist() == exact[0].tolist()
        assert fast[1].tolist() == exact[1].tolist()
        assert len(fast[0]) == len(block.splitlines())


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("", "the cell is empty"),
        ("256", "over 255"),
        ("-1", "negative"),
        ("1.5", "no whole number"),
        ("1.0", "no whole number"),
        ("1e2", "no whole number"),
        ("nan", "missing"),
        ("abc", "the text 'abc'"),
        ("1_0", "no whole number"),
        ("٣", "the text"),
        ("99999999999999999999", "over 255"),
        ("0x10", "the text"),
    ],
)
def test_a_bad_pixel_is_named_with_row_and_column(cell: str, words: str) -> None:
    problems = Problems()
    parse_exact(f"1,2,3\n4,{cell},6\n".encode(), columns(3), 2, problems)
    assert len(problems.lines) == 1
    assert problems.lines[0].startswith("row 3, column 'pixel0' (2): ")
    assert words in problems.lines[0]


@pytest.mark.parametrize(("cell", "words"), [("", "label is missing"), ("-1", "negative"), ("2.5", "no whole number")])
def test_a_bad_label_is_named_with_row_and_column(cell: str, words: str) -> None:
    problems = Problems()
    parse_exact(f"1,2,{cell}\n".encode(), columns(3, label=2), 7, problems)
    assert problems.lines[0].startswith("row 7, column 'label' (3): ")
    assert words in problems.lines[0]


def test_spaces_and_quotes_around_a_number_are_no_fault() -> None:
    problems = Problems()
    rows = parse_exact(b' 1 ,"2", " 3"\n', columns(3), 2, problems)
    assert problems.lines == []
    assert rows[1].tolist() == [[2, 3]]


def test_a_label_may_be_larger_than_a_pixel() -> None:
    rows = parse_exact(b"1000,2,3\n", columns(3), 2, Problems())
    assert rows[0].tolist() == [1000]


def test_a_file_that_is_wrong_throughout_is_given_up() -> None:
    problems = Problems()
    parse_exact(b"x,x,x\n" * 2 * MAX_PROBLEMS, columns(3), 2, problems)
    assert len(problems.lines) == MAX_PROBLEMS
