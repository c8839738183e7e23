"""Where the event hub is: found in the environment, or said what to set; never with a secret in the message."""

import pytest

from payments.errors import Status, UserError
from payments.eventhub.address import Address

SECRET = "c2VjcmV0"
STRING = f"Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey={SECRET};UseDevelopmentEmulator=true;"


@pytest.mark.parametrize("name", ["EVENTHUB_CONNECTION_STRING", "EventHubConnection"])
def test_a_connection_string_has_two_names(name: str) -> None:
    assert Address.load({name: STRING, "EVENTHUB_NAME": "h"}) == Address("h", "$Default", connection_string=STRING)


@pytest.mark.parametrize("name", ["EVENTHUB_NAMESPACE", "EventHubConnection__fullyQualifiedNamespace"])
def test_a_namespace_has_two_names(name: str) -> None:
    given = {name: "n.servicebus.windows.net", "EVENTHUB_NAME": "h", "EVENTHUB_CONSUMER_GROUP": "g"}
    assert Address.load(given) == Address("h", "g", namespace="n.servicebus.windows.net")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "Set EVENTHUB_NAME, and EVENTHUB_CONNECTION_STRING"),
        ({"EVENTHUB_CONNECTION_STRING": STRING}, "Set EVENTHUB_NAME"),
        ({"EVENTHUB_NAME": "h", "EVENTHUB_NAMESPACE": ""}, "EVENTHUB_NAMESPACE"),
        ({"EVENTHUB_NAME": "h", "EVENTHUB_NAMESPACE": "n", "EventHubConnection": STRING}, "Set only one of"),
        ({"EVENTHUB_NAME": "h", "EventHubConnection": f"Key={SECRET}"}, "EventHubConnection .not shown. is no"),
        ({"EVENTHUB_NAME": "h", "EventHubConnection": f"{STRING}EntityPath=other"}, "'other', and EVENTHUB_NAME"),
    ],
)
def test_what_cannot_be_used_is_said(given: dict[str, str], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        Address.load(given)
    assert caught.value.status is Status.WRONG_USAGE
    assert SECRET not in str(caught.value)


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(Address("h", "g", connection_string=STRING))
