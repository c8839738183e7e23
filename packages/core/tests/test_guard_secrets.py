"""Verification values, PINs and track data: of these nothing stays. And what only looks like them stays as it is."""

import json

import pytest

from payments_core.guard import redact

from .cards import NUMBERS, masked
from .examples import body, written

VISA = NUMBERS["Visa"]
CVV_KEYS = [
    *("cvv", "CVV", "cvv2", "cvc", "cvc2", "ccv", "csc", "cvn", "cvd", "cav2", "cvp2", "cvvCode", "cvc_number"),
    *("cv2", "CV2"),
    *("card_cvv", "cardCvc", "cc-cvv2", "cardCode", "security_code", "securityCode", "card-security-code"),
    *("card_verification_value", "cardVerificationCode", "card_verification", "verification_value"),
    *("CardValidationCode", "card security code", "payment.card.cvv"),
]
TRACK_1 = "%B4111111111111111^DOE/JOHN^30121010000000000000?"
TRACK_2 = ";4111111111111111=30121010000012345678?"
TRACK_KEYS = [
    *("track1", "track_1", "track-2", "Track2", "track 3", "trackOne", "track_data", "track2_data", "magstripe"),
    *("track2EquivalentData", "mag_stripe", "magnetic_stripe", "magneticStripeData", "swipe", "swipe_data"),
]


def redacted(text: bytes, finds: int = 1) -> bytes:
    """The body as the guard leaves it, which must have found so many."""
    (result,), counts = redact([text])
    assert counts.get(0, 0) == finds
    return result


@pytest.mark.parametrize("key", CVV_KEYS)
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ('"123"', '"***"'),
        ('"1234"', '"****"'),
        ('" 123 "', '" *** "'),
        ("123", '"***"'),
        ("1234", '"****"'),
        ("123.0", '"***.0"'),
        ("12", '"**"'),
        ("7", '"*"'),
        ('["123"]', '["***"]'),
        ('{"value":"123"}', '{"value":"***"}'),
        ('{"code": 123}', '{"code": "***"}'),
        ('"\\u0031\\u0032\\u0033"', '"***"'),
    ],
)
def test_a_verification_value_is_masked_under_its_key(key: str, value: str, kept: str) -> None:
    """A number of one or two digits too: 007 is a verification value, and 7 the JSON number."""
    assert redacted(written(**{key: value})) == written(**{key: kept})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("cvv 123", "cvv ***"),
        ("CVV: 123", "CVV: ***"),
        ("Cvc2=1234", "Cvc2=****"),
        ("the cvv is 123.", "the cvv is ***."),
        ("card security code: 123", "card security code: ***"),
        ("card verification number - 123", "card verification number - ***"),
        ("cvv123", "cvv***"),
        ("cvv2123", "cvv2***"),
        ("CVV (123)", "CVV (***)"),
        ("<cvv>123</cvv>", "<cvv>***</cvv>"),
        ("exp=1230&cvv=123&x=1", "exp=1230&cvv=***&x=1"),
        ("exp%3D1230%26cvv%3D123", "exp%3D1230%26cvv%3D***"),
        ('{"cvv":"123"}', '{"cvv":"***"}'),
        ('{"cvv":123}', '{"cvv":***}'),
        ("security code\t123", "security code\t***"),
    ],
)
def test_a_verification_value_is_masked_in_free_text(text: str, kept: str) -> None:
    assert json.loads(redacted(body(note=text)))["note"] == kept


@pytest.mark.parametrize("between", ["|12|25|", "|1|2025|", "|12/25|"])
def test_number_expiry_and_verification_value_in_a_row(between: str) -> None:
    text = f"{VISA}{between}123, and {VISA[:-1]}0{between}456"
    kept = f"{masked(VISA)}{between}***, and {VISA[:-1]}0{between}456"
    assert json.loads(redacted(body(note=text), finds=2))["note"] == kept


@pytest.mark.parametrize("spaced", ['{"name":"cvv","value":"123"}', '{"name": "cvv", "value": 123}'])
def test_a_verification_value_is_masked_in_a_list_of_names_and_values(spaced: str) -> None:
    assert b"123" not in redacted(written(form=f"[{spaced}]"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cvc_check", "pass"),
        ("cvc_check", "100"),
        ("cvv_result", "M"),
        ("cvvResultCode", "123"),
        ("cvv", "M"),
        ("cvv", ""),
        ("cvv", None),
        ("cvv", True),
        ("cvv", "12345"),
        ("cid", "1234"),
        ("code", "123"),
        ("postal_code", "1234"),
        ("note", "cvv check 100"),
        ("note", "no cvv, order 1234"),
        ("note", "CVE-2024-1234"),
        ("note", "social security number 123-45-6789"),
    ],
)
def test_a_check_of_a_verification_value_is_none(key: str, value: object) -> None:
    text = body(**{key: value})
    assert redacted(text, 0) is text


@pytest.mark.parametrize("other", ['"number": 123', '"value": 123', '"code": "1234"', '"fee": 1234'])
@pytest.mark.parametrize("empty", ['""', "null", "{}", "[]", "false"])
def test_an_empty_verification_value_leaves_the_next_field_alone(empty: str, other: str) -> None:
    text = b'{"cvv": %s, %s}' % (empty.encode(), other.encode())
    assert redacted(text, 0) is text


@pytest.mark.parametrize("key", ["pin", "PIN", "card_pin", "cardPin"])
@pytest.mark.parametrize(("value", "kept"), [('"1234"', '"****"'), ("123456", '"******"')])
def test_a_pin_is_masked_under_its_key(key: str, value: str, kept: str) -> None:
    assert redacted(written(**{key: value})) == written(**{key: kept})


@pytest.mark.parametrize("key", ["pin_block", "pinBlock", "PIN-data", "encrypted_pin_block"])
def test_a_pin_block_is_masked_under_its_key(key: str) -> None:
    assert redacted(body(**{key: "0412AC89ABCDEF67"})) == body(**{key: "*" * 16})


@pytest.mark.parametrize("key", ["shipping", "pinned", "spin", "pin_verified", "mapping"])
def test_other_words_with_pin_are_no_pin(key: str) -> None:
    text = body(**{key: "1234"})
    assert redacted(text, 0) is text


@pytest.mark.parametrize(
    "track",
    [
        TRACK_1,
        TRACK_2,
        TRACK_1.strip("%?"),
        TRACK_2.strip(";?"),
        "4111111111111111D30121010000012345678F",
        "%B4111 1111 1111 1111^DOE/JOHN^3012101?",
        ";1234567890123456=30121010000012345678?",
    ],
)
def test_track_data_is_masked_wherever_it_stands(track: str) -> None:
    assert redacted(body(note=f"read {track} end")) == body(note=f"read {'*' * len(track)} end")
    assert redacted(body(note=f"{track}")) == body(note="*" * len(track))


def test_both_tracks_together_are_two_finds() -> None:
    assert redacted(body(note=TRACK_1 + TRACK_2), 2) == body(note="*" * len(TRACK_1 + TRACK_2))


@pytest.mark.parametrize("key", TRACK_KEYS)
@pytest.mark.parametrize("value", [TRACK_2, "3B343131313131=", "a b\u00e9", "4111111111111111F"])
def test_all_is_masked_under_the_key_of_a_track(key: str, value: str) -> None:
    assert redacted(body(**{key: value})) == body(**{key: "*" * len(value)})


def test_a_number_under_the_key_of_a_track_is_masked_whole() -> None:
    assert redacted(written(track2="411111111111111130121010")) == written(track2=f'"{"*" * 24}"')


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("track_1", ""),
        ("track_2", 1),
        ("tracking_number", "1Z999AA10123456784"),
        ("image_data", "abc"),
        ("magento_data", "abc"),
        ("note", "2^10 ^ 3"),
        ("note", "4111111111111112=30121010000012345678"),
        ("note", "5d41402abc4b2a76b9719d911017c592"),
    ],
)
def test_what_only_looks_like_a_track_stays(key: str, value: object) -> None:
    text = body(**{key: value})
    assert redacted(text, 0) is text


def test_everything_in_one_body_is_masked_and_counted() -> None:
    text = body(pan=VISA, cvv="123", pin=1234, track1=TRACK_1, note=f"{VISA} cvc 999 {TRACK_2}")
    note = f"{masked(VISA)} cvc *** {'*' * len(TRACK_2)}"
    kept = body(pan=masked(VISA), cvv="***", pin="****", track1="*" * len(TRACK_1), note=note)
    assert redacted(text, 7) == kept
