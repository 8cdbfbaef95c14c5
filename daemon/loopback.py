"""Which hosts and endpoints are this machine and nothing else. Pure."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Say whether a host, as a name or an address, is this machine and nothing else."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host[1:-1] if host[:1] + host[-1:] == "[]" else host).is_loopback
    except ValueError:
        return False


def stays_here(endpoint: str) -> bool:
    """Say whether what is sent to an endpoint (`tcp://HOST:PORT` or `ipc://PATH`) stays on this machine."""
    transport, _, place = endpoint.partition("://")
    return transport == "ipc" or is_loopback(place.rpartition(":")[0])
