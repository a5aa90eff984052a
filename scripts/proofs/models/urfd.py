"""When the bodies of `urfd` begin to sink, by the names of its sequences.

Seconds from the first picture, to the tenth, read by eye from every second picture: the last at which the body still
stands, sits or walks as before. Who falls from a chair begins when the torso tips. The set comes without its tables of
frames; no model had a say.
"""

from typing import Final

SINKS_S: Final = {
    "fall-01": 2.8,
    "fall-02": 1.5,
    "fall-03": 5.1,
    "fall-04": 0.2,
    "fall-05": 2.8,
    "fall-06": 0.6,
    "fall-07": 3.0,
    "fall-08": 0.6,
    "fall-09": 4.1,
    "fall-10": 1.0,
    "fall-11": 1.6,
    "fall-12": 0.7,
    "fall-13": 1.5,
    "fall-14": 0.3,
    "fall-15": 1.0,
    "fall-16": 0.4,
    "fall-17": 1.9,
    "fall-18": 0.4,
    "fall-19": 1.1,
    "fall-20": 1.2,
    "fall-21": 0.9,
    "fall-22": 0.2,
    "fall-23": 1.1,
    "fall-24": 0.4,
    "fall-25": 1.2,
    "fall-26": 0.2,
    "fall-27": 1.6,
    "fall-28": 0.6,
    "fall-29": 1.6,
    "fall-30": 0.5,
}
