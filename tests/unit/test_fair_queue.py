"""The order in which a fair line serves its owners."""

from tasks.fair_queue import FairQueue


def line_of(**items: str) -> FairQueue[str, str]:
    line: FairQueue[str, str] = FairQueue()
    for owner, letters in items.items():
        for letter in letters:
            line.put(owner, letter, cost=30)
    return line


def served(line: FairQueue[str, str], limit: int = 1) -> str:
    return "".join(item for _, item in line.take(limit))


def test_owners_take_turns():
    line = line_of(long="abcd", short="xy")

    assert served(line, 6) == "axbycd"


def test_nothing_is_served_when_nobody_waits():
    assert FairQueue[str, str]().take(4) == []


def test_a_newcomer_is_next_however_long_the_line_is():
    line = line_of(long="abcdefgh")
    served(line, 4)

    line.put("newcomer", "x", cost=30)

    assert served(line, 2) == "xe"


def test_a_newcomer_gets_no_more_than_what_the_others_have_had_since():
    line = line_of(long="abcdefgh")
    served(line, 2)
    for letter in "uvwxyz":
        line.put("newcomer", letter, cost=30)

    # The service stands at the start of the last batch: the newcomer catches up with that batch, then they alternate.
    assert served(line, 6) == "uvcwdx"


def test_an_owner_that_was_idle_has_saved_nothing_up():
    line = line_of(early="a", long="uvwxyz")
    assert [served(line) for _ in range(5)] == ["a", "u", "v", "w", "x"]

    for letter in "bcd":
        line.put("early", letter, cost=30)

    assert served(line, 4) == "bycz"


def test_cheap_items_get_more_turns_than_dear_ones():
    line: FairQueue[str, str] = FairQueue()
    for letter in "ab":
        line.put("dear", letter, cost=30)
    for letter in "wxyz":
        line.put("cheap", letter, cost=10)

    assert served(line, 6) == "awxybz"


def test_only_items_of_one_kind_are_taken_together():
    line: FairQueue[str, str] = FairQueue()
    line.put("plain", "a", cost=30, kind="short prompt")
    line.put("plain", "b", cost=30, kind="short prompt")
    line.put("with vocabulary", "x", cost=30, kind="long prompt")

    assert [served(line, 4), served(line, 4)] == ["ab", "x"]


def test_an_owner_that_leaves_takes_its_items_along():
    line = line_of(leaving="abc", staying="xy")

    assert line.leave("leaving") == 3
    assert (served(line, 4), len(line), line.waiting("staying")) == ("xy", 0, 0)
