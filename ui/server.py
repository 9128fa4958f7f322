"""The server of the page for people: `streamlit run ui/server.py`."""

import streamlit as st
from starlette.middleware import Middleware

from readmit.settings import load
from ui.host_guard import HostGuard

app = st.App("./page.py", middleware=[Middleware(HostGuard, allowed=load().allowed_hosts)])
