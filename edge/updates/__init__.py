"""Model bundles that a box takes beside the one that it was installed with.

    signed file ── signature, digests, age ──> shadow run beside the model in force ──> trial ──> in force
    by MQTT or `edge update`      refused                    refused                  rolled back

The former bundle stays until the new one has proven itself. What is decided is on disk before it is done (`shelf.py`),
so that a power cut or a crash at any moment leaves the former bundle or the new one, never none.
"""
