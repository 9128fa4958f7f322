"""Streamlit page for predictions, evaluation and operation."""
