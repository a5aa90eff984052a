"""`edge notify`: messages to people, over the MQTT contract alone and through Apprise; needs the extra `notify`.

MQTT ── Subscriber ──> Bridge ── rules ──> Ledger (SQLite: who is to be told what, and when) ──> Courier ──> Apprise
                                                                                       one thread a person

What the broker delivers is in the ledger, on disk, before the broker may forget it.
"""
