"""What methods that functions of a server call find of what others of these have asked."""

from tests.unit.parser.compiled import flows, joined

PLANNER = """
class Planner:
    def __init__(self):
        self.trips = {}

    def create(self, city):
        trip = {"plan": ask(f"Plan five days in this city. {city}")}
        self.trips[city] = trip
        return trip

    def revise(self, city, wish):
        trip = self.trips[city]
        trip["plan"] = ask(f"Change this plan as the traveller wishes. {trip['plan']} {wish}")
        return trip

planner = Planner()
"""

ROUTES = """
@app.post("/trips")
def create_trip():
    return planner.create(request.json["city"])

@app.post("/trips/change")
def change_trip():
    return planner.revise(request.json["city"], request.json["wish"])
"""


def test_a_method_that_a_route_calls_finds_in_a_later_turn_what_another_route_left() -> None:
    assert joined(PLANNER + ROUTES) == {"Plan > Change, later", "Change > Change, later"}


def test_a_method_that_a_route_calls_finds_at_once_what_this_has_asked_before() -> None:
    both = """
@app.post("/trips")
def plan_trip():
    planner.create(request.json["city"])
    return planner.revise(request.json["city"], request.json["wish"])
"""
    assert flows(PLANNER + both) == {"create > revise", "revise > revise, later"}


def test_a_method_that_a_program_calls_as_well_finds_at_once_what_this_has_asked() -> None:
    main = """
def main():
    planner.create("Rome")
    planner.revise("Rome", "More art.")
"""
    assert flows(PLANNER + ROUTES + main) == {"create > revise", "revise > revise, later"}


def test_lists_in_records_that_a_server_keeps_were_filled_in_a_turn_before() -> None:
    days = PLANNER.replace(
        '{"plan": ask(f"Plan five days in this city. {city}")}',
        '{"plan": [ask(f"Plan a day in this city. {city}") for day in range(3)]}',
    )
    assert flows(days + ROUTES) == {"create > revise, later", "revise > revise, later"}
