"""`python -m flows.catch_up`: run days until no batch is released and not done."""

from flows.daily import daily

if __name__ == "__main__":
    while daily():
        pass
