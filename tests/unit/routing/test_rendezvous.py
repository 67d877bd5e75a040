"""Which server a key belongs to."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.routing.rendezvous import ranked

names = st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True)


@given(st.binary(), names, st.randoms())
def test_the_order_does_not_depend_on_how_the_servers_are_listed(
    key: bytes, servers: list[str], random: Random
) -> None:
    shuffled = list(servers)
    random.shuffle(shuffled)
    assert ranked(key, servers) == ranked(key, shuffled)


@given(st.binary(), names)
def test_where_a_server_leaves_the_order_of_the_others_stays(
    key: bytes, servers: list[str]
) -> None:
    order = ranked(key, servers)
    assert ranked(key, servers[1:]) == [name for name in order if name != servers[0]]


def test_keys_are_spread_evenly() -> None:
    first = Counter(ranked(b"session %d" % number, "abc")[0] for number in range(3000))
    assert all(900 < count < 1100 for count in first.values())
