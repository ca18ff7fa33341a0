from models.formats.listing import listed, quoted


def test_a_list_is_cut_at_five_and_says_how_many_are_left_out():
    assert listed([]) == "" and listed(["a", "b"], "; ") == "a; b"
    assert listed("abcde") == "a, b, c, d, e"
    assert listed(f"g{number}" for number in range(3000)) == "g0, g1, g2, g3, g4 and 2,995 more"


def test_names_stand_between_backquotes():
    assert quoted(["a", 1]) == "`a`, `1`"
    assert quoted([]) == "none"
    assert quoted(range(7)) == "`0`, `1`, `2`, `3`, `4` and 2 more"
