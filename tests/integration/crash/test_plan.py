"""The plan of a crash run is drawn from the seed alone, and asks of the workers what an Event Hub could ask."""

from collections import Counter

import pytest

from .plan import EXCHANGES, LATEST, Step, make_plan

LENGTHS = {"0": 400, "1": 400, "2": 173}
KILLS = 60


def plan_of(seed: int) -> dict[str, list[Step]]:
    return make_plan(seed, LENGTHS, KILLS)


def test_a_seed_replays_its_plan_and_no_other() -> None:
    assert plan_of(1) == plan_of(1)
    assert plan_of(1) != plan_of(2)


@pytest.mark.parametrize("seed", range(20))
class TestPlan:
    def test_kills_as_many_as_asked_evenly_over_the_time_and_the_exchanges_of_a_delivery(self, seed: int) -> None:
        deliveries = [each for steps in plan_of(seed).values() for step in steps for each in step]
        kills = [each.kill for each in deliveries if each.kill is not None]
        times = sorted(kill.time for kill in kills if kill.time is not None)
        assert [int(time / LATEST * 20) for time in times] == list(range(20))
        exchanges = Counter(kill.exchange for kill in kills if kill.exchange is not None)
        assert exchanges == Counter(1 + n % EXCHANGES for n in range(40))

    def test_commits_every_partition_to_its_end_without_relying_on_a_killed_worker(self, seed: int) -> None:
        for name, steps in plan_of(seed).items():
            reached = 0
            for step in steps:
                for each in step:
                    assert 0 <= each.start <= reached
                    assert each.start < each.end <= LENGTHS[name]
                reached = max([reached, *(each.end for each in step if each.kill is None)])
            assert reached == LENGTHS[name]

    def test_cuts_a_redelivery_in_another_way(self, seed: int) -> None:
        for steps in plan_of(seed).values():
            cuts = [(each.start, each.end) for step in steps for each in step]
            assert len(set(cuts)) == len(cuts)

    def test_moves_leases_while_the_old_owner_is_at_work(self, seed: int) -> None:
        widths = Counter(len(step) for steps in plan_of(seed).values() for step in steps)
        assert set(widths) == {1, 2}
        assert widths[2] > 10
