"""How a fleet is printed and drawn."""

from charter_engine.cli import main
from charter_engine.commands.fleet import HEADER, rows
from charter_engine.commands.pages.fleet import page_of
from charter_engine.contracts.fleet import FleetReport, FleetServer
from charter_engine.contracts.series import Tick, ValueRange


def server(number: int) -> FleetServer:
    tick = Tick(
        at=1_000.0,
        seconds=60.0,
        requests=30,
        prompt_tokens=6_000,
        computed_tokens=1_500,
        ttft_ms=120.0,
        pool_used=0.5,
        ranges={"pool_used": ValueRange(0.25, 0.875)},
    )
    return FleetServer(
        instance=f"10.0.0.{number}:9464", kind="engine", up=True, history=((tick,),), total=tick
    )


def report(*servers: FleetServer) -> FleetReport:
    return FleetReport(prometheus="http://p:9090", begin=0.0, end=2_000.0, servers=servers)


def test_a_row_tells_what_is_paid_and_the_pools_peak_and_a_dash_what_nobody_knows() -> None:
    (row,) = rows(report(server(1)))
    told = dict(zip(HEADER, row, strict=True))
    assert (told["computed"], told["hit rate"], told["TTFT ms"]) == ("1,500", "75.0%", "120.0")
    assert (told["pool"], told["pool peak"], told["GPU"]) == ("50.0%", "87.5%", "–")


def test_a_server_of_which_nothing_was_measured_has_a_row_of_dashes() -> None:
    (row,) = rows(report(FleetServer(instance="a:1", kind="triton")))
    assert row == ("a:1", "triton", *["–"] * (len(HEADER) - 2))


def test_of_more_servers_than_a_plot_has_colours_the_page_says_how_many_are_not_drawn() -> None:
    page = page_of(report(*map(server, range(8))))
    assert "2 are not" in page
    assert "10.0.0.7:9464" in page


def test_an_address_that_is_not_of_http_is_refused() -> None:
    assert main(["fleet", "--prometheus", "prometheus:9090"]) == 2
