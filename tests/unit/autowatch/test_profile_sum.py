from random import Random

import pytest

from autowatch.profile import Profile, ProfilesDiffer, total
from autowatch.profile_sum import ProfileSum


def profiles(count):
    random = Random(count)
    return [
        Profile(
            "run-1",
            "bins",
            random.randrange(10**12),
            {
                name: tuple(random.randrange(10**12) for _ in range(length))
                for name, length in (("a", 3), ("b", 1), ("c", 40))
                if name == "a" or random.random() < 0.9
            },
        )
        for _ in range(count)
    ]


def added(some):
    sums = ProfileSum("run-1")
    for profile in some:
        sums.add(profile)
    return sums


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 128, 300])
def test_the_sum_is_exact(count):
    some = profiles(count)
    assert added(some).build() == total(some)


def test_more_may_follow_a_sum():
    some = profiles(70)
    sums = added(some[:66])
    assert sums.build() == total(some[:66])
    for profile in some[66:]:
        sums.add(profile)
    assert sums.build() == sums.build() == total(some)


def test_the_profiles_stay_as_they_are():
    some = profiles(65)
    added(some).build()
    assert some == profiles(65)


@pytest.mark.parametrize("count", [3, 64])
@pytest.mark.parametrize(
    ("bins", "counts"), [("others", (1, 2, 3)), ("bins", (1, 2)), ("bins", (1, 2, 3, 4)), ("bins", ())]
)
def test_a_profile_on_other_bins_is_refused_and_not_added(count, bins, counts):
    sums = added(profiles(count))
    with pytest.raises(ProfilesDiffer, match="run-1"):
        sums.add(Profile("run-1", bins, 1, {"b": (1,), "a": counts}))
    assert sums.build() == total(profiles(count))
