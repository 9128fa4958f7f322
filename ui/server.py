"""ASGI application of the page: `streamlit run ui/server.py`."""

import streamlit as st
from starlette.middleware import Middleware

from readmit.cross_site_guard import CrossSiteGuard
from readmit.settings import load

PROBES = ("/_stcore/health",)
ADVICE = "add the host name to READMIT_ALLOWED_HOSTS"

guard = Middleware(CrossSiteGuard, hosts=load().allowed_hosts, probes=PROBES, advice=ADVICE)
app = st.App("./app.py", middleware=[guard])
