from hypothesis import given
from hypothesis import strategies as st

from readmit.core.encounter import BY_NAME
from readmit.core.suppression import MIN_CELL_SIZE, CountedGroup, sums_by_name, suppress_small_cells, to_groups

counts = st.lists(
    st.integers(1, 60).flatmap(lambda encounters: st.tuples(st.just(encounters), st.integers(0, encounters))),
    min_size=0,
    max_size=12,
)


def groups_of(*pairs: tuple[int, int]) -> list[CountedGroup]:
    return [CountedGroup((str(index),), *group_counts) for index, group_counts in enumerate(pairs)]


def test_groups_without_a_small_cell_stay_as_they_are() -> None:
    groups = groups_of((100, 11), (50, 0))
    assert suppress_small_cells(groups) == tuple(groups)


def test_groups_with_a_small_cell_are_merged() -> None:
    shown = suppress_small_cells(groups_of((100, 20), (40, 6), (30, 8), (200, 30)))
    assert shown == (CountedGroup(("0",), 100, 20), CountedGroup(("1", "2"), 70, 14), CountedGroup(("3",), 200, 30))


def test_a_single_small_group_is_merged_with_the_smallest_of_the_others() -> None:
    """Otherwise it could be derived from the total."""
    shown = suppress_small_cells(groups_of((3, 0), (46_000, 5_000), (40_000, 4_500)))
    assert shown == (CountedGroup(("0", "2"), 40_003, 4_500), CountedGroup(("1",), 46_000, 5_000))


def test_if_all_groups_together_are_too_small_none_is_shown() -> None:
    assert suppress_small_cells(groups_of((5, 1), (3, 0))) == ()
    assert suppress_small_cells([]) == ()


@given(counts)
def test_no_cell_that_is_shown_is_small_and_no_encounter_is_lost(pairs: list[tuple[int, int]]) -> None:
    groups = groups_of(*pairs)
    shown = suppress_small_cells(groups)
    for group in shown:
        for cell in (group.encounters, group.readmitted, group.encounters - group.readmitted):
            assert cell == 0 or cell >= MIN_CELL_SIZE
    if shown:
        assert sum(group.encounters for group in shown) == sum(encounters for encounters, _ in pairs)
        assert sum(group.readmitted for group in shown) == sum(readmitted for _, readmitted in pairs)
        assert sorted(value for group in shown for value in group.values) == sorted(g.values[0] for g in groups)


def test_values_are_in_the_order_of_their_field_and_not_recorded_is_last() -> None:
    ages = to_groups("age", [("?", 1, 0), ("[90-100)", 2, 0), ("[0-10)", 3, 0), ("[10-20)", 4, 0)])
    assert [group.values[0] for group in ages] == ["[0-10)", "[10-20)", "[90-100)", "?"]
    assert [group.values[0] for group in to_groups("batch", [("10", 1, 0), ("9", 1, 0)])] == ["9", "10"]
    assert BY_NAME["age"].choices[-1] == "[90-100)"


def test_diagnoses_are_counted_by_their_chapter() -> None:
    sums = sums_by_name("diag_1", [("428", (5, 1)), ("410.1", (3, 2)), ("V57", (2, 0)), ("250.83", (7, 1))])
    assert sums == {"3": (7, 1), "7": (8, 3), "V": (2, 0)}


def test_a_missing_value_has_a_name_and_a_number_becomes_text() -> None:
    assert sums_by_name("race", [(None, (5, 1)), ("Asian", (3, 2))]) == {"?": (5, 1), "Asian": (3, 2)}
    assert sums_by_name("batch", [(7, (5, 1))]) == {"7": (5, 1)}
