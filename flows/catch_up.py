"""`python -m flows.catch_up`: run a day for each batch that is released and not done, one after the other."""

from flows.daily import daily

if __name__ == "__main__":
    while daily():
        pass
