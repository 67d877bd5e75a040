from charter_engine.parser.graphs.state_graphs import StateGraph


def test_functions_before_another_come_by_name_in_every_run() -> None:
    writers = [f"writer_{number:02}" for number in range(20)]
    graph = StateGraph(
        functions={name: name for name in (*reversed(writers), "reader")},
        after={name: {"reader"} for name in reversed(writers)},
    )
    assert list(graph.before("reader", {*writers, "reader"})) == writers
