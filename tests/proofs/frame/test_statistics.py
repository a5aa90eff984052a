from proofs.frame.statistics import median_ratio, middle_half


def test_median_is_taken_of_the_ratios_of_pairs() -> None:
    # medians of the two columns are 2 and 4: their ratio, 0.5, is no pair's
    assert median_ratio([1.0, 2.0, 9.0], [1.0, 4.0, 10.0]) == 0.9


def test_middle_half() -> None:
    assert middle_half([1, 2, 3, 4, 5, 6, 7], [1] * 7) == [2.0, 6.0]
