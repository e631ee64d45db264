"""How long a program takes, by closed forms; docs/prediction.md derives them."""
