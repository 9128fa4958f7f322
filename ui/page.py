"""The page for people, as far as it is: what the inference API says of itself."""

import httpx
import streamlit as st

from readmit.settings import load

PATIENCE_SECONDS = 5.0


def main() -> None:
    st.set_page_config(page_title="Readmit")
    st.title("Readmit")
    st.write("Will this patient be back within 30 days? For teaching and research, not a medical device.")
    try:
        told = httpx.get(f"{load().api_urls[0]}/health", timeout=PATIENCE_SECONDS).raise_for_status().json()
    except httpx.HTTPError as error:
        st.error(f"The inference API does not answer: {error}")
        return
    if told["model_loaded"]:
        st.success(f"The inference API serves version {told['model_version']}.")
    else:
        st.info("The inference API is up; no model is in production yet.")


main()
