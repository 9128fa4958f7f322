"""The server of the page for people: `streamlit run ui/server.py`."""

import streamlit as st
from starlette.middleware import Middleware

from readmit.cross_site_guard import CrossSiteGuard
from readmit.settings import load

PROBES = ("/_stcore/health",)

app = st.App("./page.py", middleware=[Middleware(CrossSiteGuard, hosts=load().allowed_hosts, probes=PROBES)])
