from itertools import permutations

from charter_engine.parser.flows.edge_recorder import by_other_ways_first
from charter_engine.parser.values.origins import Origin

CHAIN = ((0, ()),)


def test_an_output_that_comes_both_by_a_state_and_another_way_is_judged_by_the_other() -> None:
    ways = [Origin(CHAIN, "state"), Origin(CHAIN, "argument")]
    for origins in permutations(ways):
        assert by_other_ways_first(origins)[0].how == "argument"
