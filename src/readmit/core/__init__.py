"""Domain logic of Readmit: encounters, models and promotion, without input or output."""
