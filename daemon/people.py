"""Who may sign, and how they show that it is them: a secret of which the store keeps no more than its scrypt.

C. Percival, S. Josefsson, RFC 7914. Knows the store.
"""

import hashlib
import hmac
import secrets
import sys
from getpass import getpass

from zpscope.config.errors import CommandRefused
from zpscope.daemon import trail
from zpscope.daemon.store import Store

_LEAST = 8


def read_secret(prompt: str) -> str:
    """Return a secret typed unseen, or the next line of stdin where no terminal is."""
    return getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def enrol(store: Store, actor: str, name: str, secret: str) -> None:
    """Add a person; raise CommandRefused if the name is taken or the secret too short."""
    if not name or len(secret) < _LEAST:
        msg = f"a person needs a name and a secret of {_LEAST} characters or more"
        raise CommandRefused(msg)
    if store.rows("SELECT 1 FROM person WHERE name = ?", name):
        msg = f"{name} is enrolled already: nobody's secret is changed; choose another name"
        raise CommandRefused(msg)
    salt = secrets.token_bytes(16)
    with store.transaction():
        store.write("INSERT INTO person VALUES (?, ?, ?)", name, salt, _scrypt(secret, salt))
        trail.note(store, actor or name, "enrolled", "", person=name)


def identify(store: Store, name: str, secret: str) -> None:
    """Raise CommandRefused unless the secret is this person's."""
    known = store.rows("SELECT salt, secret FROM person WHERE name = ?", name)
    if not known or not hmac.compare_digest(_scrypt(secret, known[0][0]), known[0][1]):
        msg = f"{name or 'nobody'} is not enrolled with this secret: `zpscope people add NAME`, or enter it again"
        raise CommandRefused(msg)


def _scrypt(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1)
