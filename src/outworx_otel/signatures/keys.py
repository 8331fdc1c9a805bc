"""Symmetric keys, and how a key is made from a configured secret."""

from __future__ import annotations

import hashlib
import unicodedata
from binascii import Error, a2b_base64
from collections.abc import Callable, Sequence
from hmac import compare_digest

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.procedure import Key, Message
from outworx_otel.signatures.scheme import Algorithm, KeyForm, SignatureScheme
from outworx_otel.signatures.secret import Secret

_IPAD = bytes(byte ^ 0x36 for byte in range(256))
_OPAD = bytes(byte ^ 0x5C for byte in range(256))
WHSEC = "whsec_"


class HmacKey:
    """An HMAC (RFC 2104) whose two padded key blocks are hashed once.

    Copying the two hash states costs half of what `hmac.digest` spends on setting up its own, and the pieces
    of a message are fed in without joining them.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, raw: bytes, digest: str) -> None:
        inner, outer = hashlib.new(digest), hashlib.new(digest)
        block = inner.block_size
        if len(raw) > block:
            raw = hashlib.new(digest, raw).digest()
        raw = raw.ljust(block, b"\0")
        inner.update(raw.translate(_IPAD))
        outer.update(raw.translate(_OPAD))
        self._inner, self._outer = inner, outer

    @property
    def states(self) -> tuple[hashlib._Hash, hashlib._Hash]:
        """The two hash states to copy from, for a caller that feeds the message in itself."""
        return self._inner, self._outer

    def sign(self, message: Message) -> bytes:
        before, body, after = message
        inner = self._inner.copy()
        if before:
            inner.update(before)
        inner.update(body)
        if after:
            inner.update(after)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def matches(self, message: Message, signatures: Sequence[bytes]) -> bool:
        expected = self.sign(message)
        found = False
        for signature in signatures:
            # No early exit: how many signatures were compared says nothing about which one fitted.
            found |= compare_digest(expected, signature)
        return found


class LengthKey:
    """One of several HMACs, told apart by the length of the signature (Twilio announces which in a header)."""

    __slots__ = ("_by_length", "_shortest")

    def __init__(self, raw: bytes, digests: tuple[str, ...]) -> None:
        self._by_length = {hashlib.new(digest).digest_size: HmacKey(raw, digest) for digest in digests}
        self._shortest = min(self._by_length)

    def of_length(self, length: int) -> HmacKey:
        """The key whose digests have this many bytes."""
        return self._by_length[length]

    def sign(self, message: Message) -> bytes:
        return self._by_length[self._shortest].sign(message)

    def matches(self, message: Message, signatures: Sequence[bytes]) -> bool:
        found = False
        for length, key in self._by_length.items():
            fitting = [signature for signature in signatures if len(signature) == length]
            if fitting or (length == self._shortest and not signatures):
                found |= key.matches(message, fitting)
        return found


class HashKey:
    """A plain hash of a text that holds the secret, no HMAC: the secret stands in front of the message's third piece.

    The length of the signature says which hash.
    """

    __slots__ = ("_digests", "_raw")

    def __init__(self, raw: bytes, digests: tuple[str, ...]) -> None:
        self._raw = raw
        self._digests = {hashlib.new(digest).digest_size: digest for digest in digests}

    def sign(self, message: Message) -> bytes:
        return self._hash(message, min(self._digests))

    def matches(self, message: Message, signatures: Sequence[bytes]) -> bool:
        found = False
        for signature in signatures or (b"",):
            length = len(signature) if len(signature) in self._digests else min(self._digests)
            found |= compare_digest(self._hash(message, length), signature)
        return found

    def _hash(self, message: Message, length: int) -> bytes:
        first, second, third = message
        hashed = hashlib.new(self._digests[length], first)
        for piece in (second, self._raw, third):
            hashed.update(piece)
        return hashed.digest()


class TokenKey:
    """A shared token, or a user and a password, sent along as it is: it proves the sender, not the body."""

    __slots__ = ("_digest", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._digest = hashlib.sha256(raw).digest()

    def sign(self, message: Message) -> bytes:
        return self._raw

    def matches(self, message: Message, signatures: Sequence[bytes]) -> bool:
        # Hashed first, because `compare_digest` leaks the length of what it compares.
        found = False
        for text in signatures:
            found |= compare_digest(self._digest, hashlib.sha256(text).digest())
        return found


def _utf8(secret: Secret) -> bytes:
    return secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")


def _utf8_nfkd(secret: Secret) -> bytes:
    return secret if isinstance(secret, bytes) else _utf8(unicodedata.normalize("NFKD", secret))


def _base64(secret: Secret) -> bytes:
    text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
    text = text.strip()
    if text.strip("\"'") != text:
        raise ConfigurationError("the secret has quotes round it: remove them")
    bare = text.rstrip("=")
    try:
        raw = a2b_base64(bare + "=" * (-len(bare) % 4))
    except (Error, ValueError):
        raw = b""
    if not raw or not bare.isascii() or not bare.replace("+", "").replace("/", "").isalnum():
        raise ConfigurationError("the secret is not base64: copy it again from the provider's dashboard")
    return raw


def _whsec(secret: Secret) -> bytes:
    if isinstance(secret, bytes):
        # As in the standardwebhooks and svix packages: bytes are the key itself.
        return _whsec(secret.decode("latin-1")) if secret.startswith(WHSEC.encode()) else secret
    text = secret.strip()
    # Supabase writes the version in front: "v1,whsec_…".
    text = text.removeprefix("v1,").removeprefix(WHSEC)
    if not text:
        raise ConfigurationError(f"the secret holds nothing after {WHSEC!r}")
    return _base64(text)


def _whsec_or_utf8(secret: Secret) -> bytes:
    text = secret if isinstance(secret, str) else secret.decode("latin-1")
    return _whsec(text) if text.strip().startswith((WHSEC, "v1," + WHSEC)) else _utf8(secret)


def _sha1(secret: Secret) -> bytes:
    return hashlib.sha1(_utf8(secret), usedforsecurity=False).digest()


def _hex(secret: Secret) -> bytes:
    text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
    raw = decode_hex(text.strip())
    if not raw:
        raise ConfigurationError("the secret is not hex: copy it again from the provider's dashboard")
    return raw


def _user_password(secret: Secret) -> bytes:
    raw = _utf8(secret)
    user, colon, password = raw.partition(b":")
    if not (user.strip() and colon and password.strip()):
        raise ConfigurationError(
            "the secret must be written user:password (or Header-Name: value, for a header of your own), "
            "with neither part empty"
        )
    return raw


def _header_value(secret: Secret) -> bytes:
    name, colon, value = _utf8(secret).partition(b":")
    if not (name.strip() and colon and value.strip()):
        raise ConfigurationError("the secret must be written Header-Name: value, with neither part empty")
    return value.lstrip()


DERIVATIONS: dict[KeyForm, Callable[[Secret], bytes]] = {
    "utf8": _utf8,
    "utf8-nfkd": _utf8_nfkd,
    "whsec": _whsec,
    "whsec-or-utf8": _whsec_or_utf8,
    "base64": _base64,
    "hex": _hex,
    "sha1": _sha1,
    "user-password": _user_password,
    "header-value": _header_value,
}


_HASHES: dict[Algorithm, tuple[str, ...]] = {
    "hash-sha256": ("sha256",),
    "hash-sha1-or-sha256": ("sha1", "sha256"),
}
_BY_LENGTH: dict[Algorithm, tuple[str, ...]] = {
    "hmac-sha1-or-sha256": ("sha1", "sha256"),
    "hmac-sha256-384-512": ("sha256", "sha384", "sha512"),
}


def hmac_digest_name(algorithm: Algorithm) -> str:
    """The hash under an HMAC: `sha256` of `hmac-sha256`."""
    return algorithm.removeprefix("hmac-")


def make_key(scheme: SignatureScheme, secret: Secret) -> Key:
    """The key that verifies with this secret.

    Raises:
        ConfigurationError: The secret cannot be used with this scheme, or `cryptography` is missing.
    """
    if not isinstance(secret, (str, bytes)):
        raise ConfigurationError(
            f"{scheme.provider}: a secret must be str or bytes, not {type(secret).__name__}"
        )
    if not secret.strip():
        raise ConfigurationError(f"{scheme.provider}: the secret is empty; is its environment variable set?")
    try:
        if scheme.asymmetric:
            from outworx_otel.signatures.public_keys import load_public_key

            return load_public_key(scheme.algorithm, secret)
        raw = DERIVATIONS[scheme.key](secret)
    except ConfigurationError as error:
        raise ConfigurationError(f"{scheme.provider}: {error}") from None
    return key_from_bytes(scheme.algorithm, raw)


def key_from_bytes(algorithm: Algorithm, raw: bytes) -> HmacKey | LengthKey | HashKey | TokenKey:
    """The key of a symmetric algorithm."""
    if algorithm == "token":
        return TokenKey(raw)
    if algorithm in _BY_LENGTH:
        return LengthKey(raw, _BY_LENGTH[algorithm])
    if algorithm in _HASHES:
        return HashKey(raw, _HASHES[algorithm])
    return HmacKey(raw, hmac_digest_name(algorithm))
