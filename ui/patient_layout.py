"""The layout of the patient page: in a wide window the answer stands beside the form and stays in view.

In a narrower window the answer follows the form, in one column.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

WIDE_PIXELS = 1280
"""Width of the window from which form and answer stand side by side."""
FORM, ANSWER = "patient_form", "patient_answer"
"""Keys of the two containers, which Streamlit turns into CSS classes."""
WIDTHS = (8, 5)
PAGE = f'[data-testid="stMain"]:has(.st-key-{FORM})'
ROW = f'{PAGE} [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-{ANSWER})'
# The answer has its own scroll bar: its beginning stays in view, and its end can be reached beside a shorter form.
STYLE = f"""<style>
.st-key-{FORM}, .st-key-{FORM} [data-testid="stVerticalBlock"] {{ gap: .4rem; }}
.st-key-{FORM} [data-testid="stLayoutWrapper"] > [data-testid="stVerticalBlock"] {{ padding-block: .5rem; }}
.st-key-{FORM} h3 {{ font-size: 1.125rem; padding: 0 0 1rem; }}
.st-key-{ANSWER} {{ padding-bottom: 1rem; }}
.st-key-{ANSWER} h2 {{ font-size: 1.5rem; padding: 0 0 1rem; }}
.st-key-{ANSWER} h3 {{ font-size: 1.25rem; padding: .5rem 0 1rem; }}
.st-key-{ANSWER} [data-testid="stMetricValue"] {{ font-size: 1.5rem; }}
{ROW} {{ display: block; }}
{ROW} > [data-testid="stColumn"] {{ width: 100%; margin-bottom: 1rem; }}
@media (min-width: {WIDE_PIXELS}px) {{
  {PAGE} [data-testid="stMainBlockContainer"] {{ padding: .75rem 2rem 0; }}
  {PAGE} [data-testid="stHeading"] h1 {{ font-size: 2rem; padding: 0 0 1rem; }}
  {PAGE} [data-testid="stMarkdown"] hr {{ margin: .5rem 0; }}
  {ROW} {{ display: flex; }}
  {ROW} > [data-testid="stColumn"]:last-child {{
    position: sticky; top: 1rem; align-self: flex-start; max-height: calc(100vh - 7rem); overflow-y: auto;
  }}
}}
</style>"""
"""The style of the page. The app sends it with every page."""


def form_and_answer() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the containers of the form and of the answer."""
    form, answer = st.columns(WIDTHS, gap="medium")
    return form.container(key=FORM), answer.container(key=ANSWER)
