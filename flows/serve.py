"""`python -m flows.serve`: offers the day as the deployment `daily`, and carries out its runs until SIGTERM."""

from flows.daily import daily

DEPLOYMENT = "daily"

if __name__ == "__main__":
    # One at a time: batches follow each other. The webserver's /health tells whether Prefect is still asked for work.
    daily.serve(name=DEPLOYMENT, description=daily.description, limit=1, webserver=True)
