"""The name of a folder with characters that mean something in addresses, lists and shells."""

UNUSUAL_NAME = "a b#c%20d%zz?e=1&ñ,~"
