"""No body makes the guard's work grow faster than its length: ten times the length is not a hundred times the work."""

from time import process_time

import pytest

from payments_core.guard import redact

from .cards import NUMBERS

LENGTH = 3_000
# Ten times as long is ten times the work; quadratic would be a hundred. Wide of both, for the machine is shared.
TOO_MUCH = 40
VISA = NUMBERS["Visa"]
REPEATED = [
    *(
        '"',
        "\\",
        '\\"',
        " ",
        "*",
        "[",
        '{"a":',
        "4",
        "0",
        "44444444444x",
        "4444444444444 ",
        "4444 ",
        "4444 - ",
        "4 ",
        "4.",
    ),
    *(
        f"{VISA} ",
        f"{VISA},",
        "4111 1111 1111 1111 ",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1,",
        "4111\u00a0",
        "\u0664",
        "4\0",
    ),
    *(
        f'"id":"{VISA}",',
        f'"{VISA}":',
        f'"a":{VISA},',
        f"{VISA}=251210;",
        f"%B{VISA}^A/B^2512?",
        f"B{VISA}^",
        "^",
        "B1",
    ),
    *(
        "cvv ",
        "cvv 123 ",
        "cvv is ",
        "security code ",
        "card ",
        "card number: ",
        "card 4 1 ",
        "pan4111 1111 ",
        "pan 4 ",
    ),
    *('"track2":"', '"track2":" ', '"track', "mag", '"pin":1234,', '"pin":"', '"cvv":1,', '"cvv","value":'),
    *("\\u0034", "\\u00e9", "\\u0000", "\\ud835\\udfd2", "%20", "%", "4.111111111111111E15 ", "1e1", "0.1e15"),
]
STARTS = ['"track2":"', "cvv", "card ", '{"transaction_id":"', "B4111111111111111^A/B^", "pan 4", "4.1"]


def seconds(sign: str, length: int, start: str) -> float:
    # The number in front sends every body the careful way, and has it written anew.
    text = f"{VISA} {start}{sign * (length // len(sign))}".encode()
    best = 1e9
    for _ in range(3):
        begun = process_time()
        redact([text])
        best = min(best, process_time() - begun)
    return best


@pytest.mark.parametrize("sign", REPEATED, ids=ascii)
def test_the_work_grows_no_faster_than_the_body(sign: str) -> None:
    assert seconds(sign, 10 * LENGTH, "") < TOO_MUCH * seconds(sign, LENGTH, "")


@pytest.mark.parametrize("start", STARTS, ids=ascii)
@pytest.mark.parametrize("sign", [" ", '"', "1", "\\", "*", " is", "4 ", "^", "x"], ids=ascii)
def test_the_work_grows_no_faster_behind_a_word_that_is_looked_for(start: str, sign: str) -> None:
    assert seconds(sign, 10 * LENGTH, start) < TOO_MUCH * seconds(sign, LENGTH, start)
