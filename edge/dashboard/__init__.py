"""`edge dashboard`: one page for people, over the MQTT contract alone; needs the extra `dashboard`.

MQTT ── Subscriber ──> Desk ── Fleet (now), History (SQLite), Hub (browsers) ──> the web application
"""
