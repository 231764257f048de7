"""What to do about alarms that tell it themselves, whoever is told: in a mail or on a page."""

ALARM_REMEDIES = {
    "settings": "Correct monitoring/settings.yaml as the alarm says; until then days are judged by the defaults.",
    "baseline": "Restore the baseline as the alarm says; the day is then judged again by itself.",
}
"""By the alarm's kind."""
