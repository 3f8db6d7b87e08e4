"""
Addresses that links may lead to: those of the public internet, and the networks that the operator allows.

A link is a person's, and the machine that follows it stands inside a network that the person may not reach: without a
guard it would fetch the pages of routers, databases and clouds' metadata services for them. The guard hooks into
Python's own audit events, so it sees each connection with the address that a name, a redirect or a playlist led to.
"""

import sys
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

NAT64 = IPv6Network("64:ff9b::/96")
NOT_PUBLIC = (IPv6Network("64:ff9b:1::/48"), IPv6Network("fec0::/10"), IPv6Network("::/96"))
"""Networks within a site that Python does not count among the private ones."""


class AddressRefused(OSError):
    """A link led to an address that it may not lead to."""


class Guard:
    """
    Refuses connections of this process to private addresses outside *networks*, and programs other than *programs*.

    ``refused`` names the first address that was refused, or is empty.
    """

    def __init__(self, networks: Sequence[str], programs: Sequence[str] = ()) -> None:
        self._networks = [ip_network(network) for network in networks]
        self._programs = {Path(program) for program in programs}
        self.refused = ""

    def install(self) -> None:
        """Begin, for as long as the process lasts: an audit hook cannot be taken away."""
        sys.addaudithook(self._audit)

    def allows(self, host: str) -> bool:
        """Return whether the address *host*, as numbers, may be connected to."""
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:  # a name; the libraries look names up before they connect
            return False
        inner = _carried(address)
        known = any(inner in network or address in network for network in self._networks)
        is_public = inner.is_global and not inner.is_multicast and not any(inner in network for network in NOT_PUBLIC)
        return known or is_public

    def _audit(self, event: str, details: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            place = details[1]
            host = place[0] if isinstance(place, tuple) else ""
            if not self.allows(str(host)):
                self.refused = self.refused or str(host)
                msg = f"{host} is not an address of the public internet"
                raise AddressRefused(msg)
        elif event == "subprocess.Popen" and Path(str(details[0])) not in self._programs:
            msg = f"{details[0]} is not started: its connections would not be guarded"
            raise FileNotFoundError(msg)


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
