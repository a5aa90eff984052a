"""What a person puts on a box's boot partition: read, checked, applied, and its secrets moved away.

    edgewatch.toml     cameras and broker, as everywhere; TLS files beside it
    passwords          broker = ..., camera hall = ...
    network            wifi, wifi_password, country, hostname, address, gateway, dns
    authorized_keys    whoever may log in by SSH; without it SSH is off

All of them or none: while one holds a mistake, the box keeps what it had.
"""
