"""`--bad-signature`: for every provider, each reason is given by the verifier, or refused with a word why."""

from __future__ import annotations

import pytest
from signatures.deliveries import PROVIDERS, SIGNABLE, secrets_of

from outworx_otel.cli.trigger.sample_delivery import SampleDeliveries
from outworx_otel.cli.trigger.samples import listed
from outworx_otel.cli.trigger.spoiling import SPOILED
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import Credentials
from outworx_otel.signatures import REASONS, verify

URL = "http://127.0.0.1:8000/hooks"
# Refused for cause: no header, no window, no form of its own, or nothing that could be re-serialised.
# GitLab's older tokens are credentials; its signing tokens, as here, are not, and have a window.
CREDENTIALS = {row.provider for row in SIGNABLE if row.algorithm == "token"} - {"gitlab"}
IMPOSSIBLE = {
    "missing_header": {"adyen", "braintree", "dropbox_sign", "mailgun", "pandadoc", "wix"},
    "malformed_header": {
        row.provider for row in SIGNABLE if row.algorithm == "token" and row.encoding == "text"
    }
    - {"gitlab"},
    "hmac_mismatch": CREDENTIALS,
    "timestamp_drift": {row.provider for row in SIGNABLE if row.tolerance is None} - {"gitlab"},
    "parsed_body": CREDENTIALS
    | {
        row.provider
        for row in SIGNABLE
        if row.procedure is not None or all(sample.is_form for sample in listed(row.provider))
    },
    "credentials_mismatch": set(PROVIDERS) - CREDENTIALS,
}
REASONS_TO_SEND = [reason for reason in SPOILED if reason != "body_unavailable"]


@pytest.mark.parametrize("reason", REASONS_TO_SEND)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_reason_is_the_one_that_the_verifier_gives(provider: str, reason: str) -> None:
    private, public = secrets_of(provider)
    sample = next((one for one in listed(provider) if not one.is_form), listed(provider)[0])
    if provider in IMPOSSIBLE.get(reason, ()):
        with pytest.raises(ConfigurationError, match=r"."):
            SampleDeliveries(sample, (), URL, Credentials((private,)), (), reason)
        return

    request = SampleDeliveries(sample, (), URL, Credentials((private,)), (), reason).make().request
    result = verify(provider, request.body, request.headers, public, url=request.url)

    assert (result.valid, result.reason) == (False, reason)


@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason not in SPOILED])
def test_what_only_the_receiver_can_cause_is_refused(reason: str) -> None:
    with pytest.raises(ConfigurationError, match="only the receiving side"):
        SampleDeliveries(listed("stripe")[0], (), URL, Credentials(("a secret",)), (), reason)


@pytest.mark.parametrize("reason", [None, *SPOILED])
def test_an_old_gitlab_token_can_only_be_wrong_or_missing(reason: str | None) -> None:
    token = Credentials(("an old secret token",))
    if reason in ("malformed_header", "hmac_mismatch", "timestamp_drift", "parsed_body"):
        with pytest.raises(ConfigurationError, match=r"GitLab"):
            SampleDeliveries(listed("gitlab")[-1], (), URL, token, (), reason)
        return

    request = SampleDeliveries(listed("gitlab")[-1], (), URL, token, (), reason).make().request
    result = verify("gitlab", request.body, request.headers, "an old secret token")

    assert result.reason == (reason if reason != "body_unavailable" else None)


def test_a_private_key_of_standard_webhooks_is_replaced_by_another() -> None:
    import base64

    from cryptography.hazmat.primitives.asymmetric import ed25519

    seed = b"\x07" * 32
    public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    private = "whsk_" + base64.b64encode(seed).decode()
    sample = listed("standardwebhooks")[0]

    for reason in (None, "hmac_mismatch"):
        request = SampleDeliveries(sample, (), URL, Credentials((private,)), (), reason).make().request
        verifying = "whpk_" + base64.b64encode(public).decode()
        assert verify("standardwebhooks", request.body, request.headers, verifying).reason == reason
