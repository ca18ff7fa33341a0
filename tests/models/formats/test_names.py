import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.formats.names import LONGEST, distinct_names, is_marked, marked_name, safe_name

# Among them names that are the safe form of others.
NAMES = st.one_of(
    st.text(max_size=12),
    st.text("ab_- é\u0301", max_size=4),
    st.text("aA1_", max_size=4),
    st.text(max_size=6).map(marked_name),
    st.text(max_size=6).map(lambda name: marked_name(marked_name(name)).upper()),
    st.text("a-", min_size=300, max_size=300),
)
SETS = st.lists(NAMES, unique=True, max_size=20)


@given(SETS, st.booleans(), st.sampled_from(["", ".-"]))
def test_different_names_stay_different(names, one_case, keep):
    safe = [safe_name(name, keep=keep, one_case=one_case) for name in names]
    assert len({name.lower() if one_case else name for name in safe}) == len(names)
    assert all(re.fullmatch(rf"[A-Za-z0-9_{keep}]+", name) and len(name) < 128 for name in safe)


@given(SETS)
def test_plain_forms_that_collide_are_told_apart(names):
    plain = {name: re.sub("[^a-z]", "_", name) for name in names}
    found = distinct_names(plain)
    assert list(found) == names and len(set(found.values())) == len(names)
    for name, form in plain.items():
        alone = list(plain.values()).count(form) == 1
        assert found[name] == (form if (alone or name == form) and not is_marked(form) else marked_name(name))


@pytest.mark.parametrize("name", ["age", "age_band", "_x", "2nd", "gender_x_age", "a" * LONGEST])
def test_ordinary_names_stay(name):
    assert safe_name(name) == safe_name(name, one_case=True) == name


def test_what_is_not_ordinary_can_still_be_read():
    assert marked_name("age-band") == "age_band_4bdb9c77d8ee84e8"
    assert re.fullmatch(r"n_[0-9a-f]{16}", marked_name("年龄"))
    assert re.fullmatch(r"n_2nd_[0-9a-f]{16}", marked_name("2nd"))
    assert safe_name("Age") == "Age" and safe_name("Age", one_case=True).startswith("Age_")
    assert safe_name("age-band", keep="-") == "age-band"


def test_composed_and_decomposed_letters_and_long_names():
    assert safe_name("\u00e9") != safe_name("e\u0301")
    one, other = safe_name("a" * 300), safe_name("a" * 299)
    assert one != other and one.startswith("a" * LONGEST) and len(one) < 128
    # Half of a character, which JSON can hold.
    assert safe_name("\ud800") != safe_name("\ud801")
