"""From what a bundle says of clips to figures: scores, answers, metrics, reports."""
