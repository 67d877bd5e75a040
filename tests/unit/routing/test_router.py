"""Where requests go."""

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.routing.affinity import Affinity
from charter_engine.routing.expected import ExpectedPrefixes
from charter_engine.routing.router import (
    BOUND_GRAINS,
    LATELY,
    PATIENCE_GRAINS,
    RoutedServer,
    Router,
)

SERVERS = ("one", "two", "three")
KEY = Affinity(b"key")


def own(router: Router, affinity: Affinity = KEY) -> RoutedServer:
    """Where the request goes first."""
    chosen = router.choose(affinity)
    assert chosen is not None
    return chosen


@given(st.binary())
def test_two_routers_agree_without_talking(key: bytes) -> None:
    affinity = Affinity(key)
    assert own(Router(SERVERS), affinity).name == own(Router(SERVERS[::-1]), affinity).name


def test_a_request_waits_a_little_rather_than_go_to_where_its_prefix_is_not() -> None:
    router = Router(SERVERS)
    first = own(router)
    with router.sending(first, Affinity(b"key", tuple(range(PATIENCE_GRAINS - 1)))):
        assert own(router) is first


def test_a_request_does_not_queue_behind_a_long_prompt() -> None:
    router = Router(SERVERS)
    first = own(router)
    with router.sending(first, Affinity(b"other", tuple(range(1000)))):
        assert own(router) is not first


def test_once_an_answer_has_begun_nobody_waits_for_its_prompt() -> None:
    router = Router(SERVERS)
    first = own(router)
    with router.sending(first, Affinity(b"other", tuple(range(1000)))) as sent:
        sent.begun()
        assert own(router) is first


def test_what_moves_goes_where_most_of_it_is_expected() -> None:
    router = Router(SERVERS)
    first, held = own(router), Affinity(b"key", tuple(range(100)))
    other = next(server for server in router.servers.values() if server is not first)
    other.expected.sent(held.grains)
    with router.sending(first, Affinity(b"other", tuple(range(200, 1200)))):
        assert own(router, held) is other


def test_what_follows_a_request_that_moved_goes_where_it_is_cached() -> None:
    router = Router(SERVERS)
    first, turn = own(router), Affinity(b"key", tuple(range(100)))
    with router.sending(first, Affinity(b"other", tuple(range(200, 1200)))):
        moved = own(router, turn)
        with router.sending(moved, turn):
            pass
    assert moved is not first
    assert own(router, Affinity(b"key", tuple(range(110)))) is moved


def test_what_is_cached_nowhere_goes_to_its_own_server_again() -> None:
    router = Router(SERVERS)
    first = own(router)
    other = next(server for server in router.servers.values() if server is not first)
    with router.sending(other, KEY):
        pass
    assert own(router, Affinity(b"key", (1, 2))) is first


def test_a_new_session_does_not_go_where_only_others_of_its_opening_went() -> None:
    router = Router(SERVERS)
    first, opening = own(router), tuple(range(10))
    other = next(server for server in router.servers.values() if server is not first)
    with router.sending(other, Affinity(b"another session", opening)):
        pass
    assert own(router, Affinity(b"key", opening)) is first


def computed(router: Router, server: RoutedServer, affinity: Affinity) -> None:
    """The server answers the request, from beginning to end."""
    with router.sending(server, affinity):
        pass


def test_a_new_session_passes_by_a_server_that_was_given_far_more_than_the_others() -> None:
    router = Router(SERVERS)
    first = own(router)
    computed(router, first, Affinity(b"other", tuple(range(2 * BOUND_GRAINS))))
    assert own(router) is not first


def test_a_session_stays_where_it_is_cached_however_much_its_server_was_given() -> None:
    router = Router(SERVERS)
    first, turn = own(router), Affinity(b"key", tuple(range(100)))
    computed(router, first, turn)
    computed(router, first, Affinity(b"other", tuple(range(200, 4 * BOUND_GRAINS))))
    assert own(router, Affinity(b"key", tuple(range(110)))) is first


def test_a_session_that_is_cached_nowhere_any_more_passes_by_as_a_new_one() -> None:
    router = Router(SERVERS)
    first, turn = own(router), Affinity(b"key", tuple(range(100)))
    computed(router, first, turn)
    first.expected = ExpectedPrefixes()
    computed(router, first, Affinity(b"other", tuple(range(200, 4 * BOUND_GRAINS))))
    assert own(router, turn) is not first


def test_a_new_session_goes_to_its_own_server_where_the_others_were_given_as_much() -> None:
    router = Router(SERVERS)
    first = own(router)
    computed(router, first, Affinity(b"other", tuple(range(2 * BOUND_GRAINS))))
    for server in router.servers.values():
        if server is not first:
            computed(router, server, Affinity(b"another", tuple(range(2 * BOUND_GRAINS))))
    assert own(router) is first


def test_what_a_server_was_given_long_ago_does_not_count() -> None:
    router = Router(SERVERS)
    first = own(router)
    computed(router, first, Affinity(b"other", tuple(range(2 * BOUND_GRAINS))))
    for _ in range(LATELY * len(SERVERS)):
        computed(router, first, Affinity(b"other"))
    assert own(router) is first


def test_a_server_that_is_not_ready_gets_nothing_while_others_are() -> None:
    router = Router(SERVERS)
    first = own(router)
    first.ready = False
    assert own(router) is not first


def test_each_server_is_tried_once_and_those_not_ready_last() -> None:
    router = Router(SERVERS)
    first = own(router)
    first.ready = False
    tried: list[str] = []
    while server := router.choose(KEY, tried):
        tried.append(server.name)
    assert sorted(tried) == sorted(SERVERS)
    assert tried[-1] == first.name


@given(st.lists(st.tuples(st.binary(max_size=2), st.integers(0, 200)), max_size=30))
def test_when_all_has_ended_nothing_is_in_flight(requests: list[tuple[bytes, int]]) -> None:
    router = Router(SERVERS)
    with ExitStack() as stack:
        for key, length in requests:
            affinity = Affinity(key, tuple(range(length)))
            stack.enter_context(router.sending(own(router, affinity), affinity))
    assert [(server.in_flight, server.computing) for server in router.servers.values()] == [
        (0, 0)
    ] * 3
